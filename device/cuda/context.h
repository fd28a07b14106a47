#pragma once
#include <cublasLt.h>
#include <cuda_runtime.h>

#include "device/tensor.h"

namespace trm::cuda {

/// What kernels need of the GPU they run on. All work of a device goes to its one stream, in call order.
struct Context {
  int index = 0;
  int capability = 0;  // 90: compute capability 9.0
  int multiprocessors = 0;
  cudaStream_t stream = nullptr;
  cublasLtHandle_t blas = nullptr;
  void* workspace = nullptr;  // of the products; taken once
  size_t workspace_bytes = 0;
  uint64_t last_level = ~uint64_t{0};  // launches() after the last cached_level

  /// The kernels written for sm_90a serve here.
  bool hopper() const;
};

/// Makes a device this thread's current one. Everything here does so through this function.
void make_current(int index);
/// The context of an opened device, which becomes the current one.
Context& context_of(int index);
inline Context& context_of(const Tensor& t) { return context_of(t.device().index); }

/// Called by the backend when it opens.
void register_context(Context* context);

}  // namespace trm::cuda
