#include "device/cuda/check.h"

#include <atomic>
#include <string>

#include "device/backend.h"
#include "device/errors.h"

namespace trm::cuda {
namespace {

/// "cudaMemcpyAsync(to, ...)" → "cudaMemcpyAsync"
std::string function_of(const char* call) {
  const std::string text(call);
  return text.substr(0, text.find('('));
}

std::atomic<uint64_t> launch_count{0};

bool lost(cudaError_t result) {
  switch (result) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorECCUncorrectable:
    case cudaErrorDevicesUnavailable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorInvalidPc:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorUnknown:  // what a GPU that fell off the bus gives
      return true;
    default:
      return false;
  }
}

/// For memory that a call of CUDA takes by itself.
std::string memory_advice() {
  size_t free = 0, total = 0;
  (void)cudaMemGetInfo(&free, &total);
  return "; free " + memory_text(free) + " of " + memory_text(total) +
         "; lower global_batch_size (raise gradient_accumulation_steps to keep the effective batch)";
}

}  // namespace

void check(cudaError_t result, const char* call) {
  if (result == cudaSuccess) return;
  (void)cudaGetLastError();  // errors that are not sticky end here
  std::string text =
      "cuda: " + function_of(call) + " failed: " + cudaGetErrorString(result) + " (" + cudaGetErrorName(result) + ")";
  if (result == cudaErrorMemoryAllocation) throw OutOfMemory(text + memory_advice());
  if (lost(result)) text += "; the GPU cannot be used by this process any more: start again from the last checkpoint";
  throw DeviceError(text);
}

void check(cublasStatus_t result, const char* call) {
  if (result == CUBLAS_STATUS_SUCCESS) return;
  const std::string text = "cuda: " + function_of(call) + " failed: " + cublasLtGetStatusString(result) + " (" +
                           cublasLtGetStatusName(result) + ")";
  if (result == CUBLAS_STATUS_ALLOC_FAILED) throw OutOfMemory(text + memory_advice());
  throw DeviceError(text);
}

void launched(const char* op) {
  count_launch();
  check(cudaGetLastError(), op);
}

uint64_t launches() { return launch_count.load(std::memory_order_relaxed); }
void count_launch() { launch_count.fetch_add(1, std::memory_order_relaxed); }

}  // namespace trm::cuda
