#include "device/cuda/check.h"

#include <atomic>
#include <string>

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
      return true;
    default:
      return false;
  }
}

}  // namespace

void check(cudaError_t result, const char* call) {
  if (result == cudaSuccess) return;
  (void)cudaGetLastError();  // errors that are not sticky end here
  std::string text =
      "cuda: " + function_of(call) + " failed: " + cudaGetErrorString(result) + " (" + cudaGetErrorName(result) + ")";
  if (lost(result)) text += "; the GPU cannot be used by this process any more: start again from the last checkpoint";
  throw DeviceError(text);
}

void check(cublasStatus_t result, const char* call) {
  if (result == CUBLAS_STATUS_SUCCESS) return;
  throw DeviceError("cuda: " + function_of(call) + " failed: " + cublasLtGetStatusString(result) + " (" +
                    cublasLtGetStatusName(result) + ")");
}

void launched(const char* op) {
  count_launch();
  check(cudaGetLastError(), op);
}

uint64_t launches() { return launch_count.load(std::memory_order_relaxed); }
void count_launch() { launch_count.fetch_add(1, std::memory_order_relaxed); }

}  // namespace trm::cuda
