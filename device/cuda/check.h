#pragma once
#include <cublasLt.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace trm::cuda {

/// Throws DeviceError with the call and CUDA's text where `result` is a failure.
void check(cudaError_t result, const char* call);
void check(cublasStatus_t result, const char* call);

/// After a kernel launch: throws DeviceError naming the op where it failed.
void launched(const char* op);
/// Number of calls of `launched` and replays of graphs so far.
uint64_t launches();
void count_launch();

}  // namespace trm::cuda

#define TRM_CUDA(call) ::trm::cuda::check((call), #call)
