#include "device/accelerator/check.h"

#include "device/errors.h"

namespace trm::accelerator {
namespace {

const char* name_of(cl_int result) {
  switch (result) {
#define TRM_NAME(code) \
  case code:           \
    return #code;
    TRM_NAME(CL_DEVICE_NOT_FOUND)
    TRM_NAME(CL_DEVICE_NOT_AVAILABLE) TRM_NAME(CL_COMPILER_NOT_AVAILABLE) TRM_NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE)
        TRM_NAME(CL_OUT_OF_RESOURCES) TRM_NAME(CL_OUT_OF_HOST_MEMORY) TRM_NAME(CL_MEM_COPY_OVERLAP)
            TRM_NAME(CL_BUILD_PROGRAM_FAILURE) TRM_NAME(CL_MAP_FAILURE)
                TRM_NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST) TRM_NAME(CL_INVALID_VALUE)
                    TRM_NAME(CL_INVALID_DEVICE) TRM_NAME(CL_INVALID_CONTEXT) TRM_NAME(CL_INVALID_COMMAND_QUEUE)
                        TRM_NAME(CL_INVALID_MEM_OBJECT) TRM_NAME(CL_INVALID_BINARY) TRM_NAME(CL_INVALID_BUILD_OPTIONS)
                            TRM_NAME(CL_INVALID_PROGRAM) TRM_NAME(CL_INVALID_PROGRAM_EXECUTABLE)
                                TRM_NAME(CL_INVALID_KERNEL_NAME) TRM_NAME(CL_INVALID_KERNEL)
                                    TRM_NAME(CL_INVALID_ARG_INDEX) TRM_NAME(CL_INVALID_ARG_VALUE)
                                        TRM_NAME(CL_INVALID_ARG_SIZE) TRM_NAME(CL_INVALID_KERNEL_ARGS)
                                            TRM_NAME(CL_INVALID_WORK_DIMENSION) TRM_NAME(CL_INVALID_WORK_GROUP_SIZE)
                                                TRM_NAME(CL_INVALID_WORK_ITEM_SIZE) TRM_NAME(CL_INVALID_GLOBAL_OFFSET)
                                                    TRM_NAME(CL_INVALID_EVENT) TRM_NAME(CL_INVALID_OPERATION)
                                                        TRM_NAME(CL_INVALID_BUFFER_SIZE)
                                                            TRM_NAME(CL_INVALID_GLOBAL_WORK_SIZE)
#undef TRM_NAME
                                                                case -1001 : return "no OpenCL platform is installed";
    case -9999:
      return "illegal memory access, says NVIDIA's driver";
    default:
      return "unknown OpenCL error";
  }
}

/// After these the queue does not work any more.
bool lost(cl_int result) {
  return result == CL_DEVICE_NOT_AVAILABLE || result == CL_OUT_OF_RESOURCES || result == CL_INVALID_COMMAND_QUEUE ||
         result == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST || result == -9999;
}

}  // namespace

std::string error_name(cl_int result) { return std::string(name_of(result)) + " (" + std::to_string(result) + ")"; }

void check(cl_int result, const char* what) {
  if (result == CL_SUCCESS) return;
  const std::string call(what),
      text = "accelerator: " + call.substr(0, call.find('(')) + " failed: " + error_name(result);
  if (result == CL_MEM_OBJECT_ALLOCATION_FAILURE || result == CL_OUT_OF_HOST_MEMORY)
    throw OutOfMemory(text +
                      "; the device's memory ran out: lower global_batch_size (raise gradient_accumulation_steps to "
                      "keep the effective batch)");
  if (lost(result))
    throw DeviceError(text +
                      "; the device was lost or reset, or ran out of memory, and this process cannot use it any more: "
                      "start again from the last checkpoint");
  throw DeviceError(text);
}

}  // namespace trm::accelerator
