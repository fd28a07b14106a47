#pragma once
#include <string>

#include "device/accelerator/opencl.h"

namespace trm::accelerator {

/// "CL_OUT_OF_RESOURCES (-5)"
std::string error_name(cl_int result);

/// Throws DeviceError (OutOfMemory where memory ran out) with what was done and OpenCL's name of the failure, where
/// `result` is one. `what` is a call, "clFinish(queue)", or an op.
void check(cl_int result, const char* what);

}  // namespace trm::accelerator

#define TRM_CL(call) ::trm::accelerator::check((call), #call)
