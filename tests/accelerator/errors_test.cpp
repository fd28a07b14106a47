#include "device/errors.h"

#include <gtest/gtest.h>

#include "device/accelerator/check.h"
#include "device/accelerator/launch.h"
#include "tests/device/message.h"

namespace trm::accelerator {
namespace {

using testing::message_of;

TEST(AcceleratorErrors, NameTheCallAndTheFailure) {
  EXPECT_NO_THROW(check(CL_SUCCESS, "clFinish(queue)"));
  const std::string message = message_of([] { check(CL_INVALID_VALUE, "clEnqueueCopyBuffer(queue, a, b)"); });
  EXPECT_EQ(message, "accelerator: clEnqueueCopyBuffer failed: CL_INVALID_VALUE (-30)");
  EXPECT_EQ(error_name(-12345), "unknown OpenCL error (-12345)");
}

TEST(AcceleratorErrors, MemoryThatRanOutIsOutOfMemory) {
  for (const cl_int code : {CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_OUT_OF_HOST_MEMORY})
    EXPECT_THROW(check(code, "linear"), OutOfMemory);
  EXPECT_NE(message_of([] { check(CL_MEM_OBJECT_ALLOCATION_FAILURE, "linear"); }).find("global_batch_size"),
            std::string::npos);
}

TEST(AcceleratorErrors, ALostDeviceSaysToStartAgain) {
  for (const cl_int code : {CL_DEVICE_NOT_AVAILABLE, CL_OUT_OF_RESOURCES, CL_INVALID_COMMAND_QUEUE,
                            CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, -9999}) {
    const std::string message = message_of([&] { check(code, "attention"); });
    for (const std::string part : {"attention", "lost", "checkpoint"})
      EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST(AcceleratorErrors, GroupsAreOfAPowerOfTwoThatTheKernelAllows) {
  Kernel kernel;
  kernel.group_limit = 8;
  EXPECT_EQ(group_items(kernel, 256), 8u);
  kernel.group_limit = 100;
  EXPECT_EQ(group_items(kernel, 256), 64u);
  EXPECT_EQ(group_items(kernel, 16), 16u);
}

}  // namespace
}  // namespace trm::accelerator
