#include "device/cuda/backend.h"

#include <string>

#include "device/cuda/check.h"
#include "device/cuda/graph.h"
#include "device/cuda/packed.h"
#include "device/errors.h"

namespace trm::cuda {
namespace {

constexpr size_t product_workspace = size_t{64} << 20;

/// Ends with the upload it belongs to.
struct Event {
  cudaEvent_t event = nullptr;
  Event() { TRM_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming)); }
  ~Event() { (void)cudaEventDestroy(event); }
  Event(const Event&) = delete;
};

}  // namespace

CudaBackend::CudaBackend(const DeviceInfo& info) : info_(info) {
  context_.index = info.device.index;
  use();
  cudaDeviceProp properties{};
  TRM_CUDA(cudaGetDeviceProperties(&properties, context_.index));
  context_.capability = 10 * properties.major + properties.minor;
  context_.multiprocessors = properties.multiProcessorCount;
  TRM_CUDA(cudaStreamCreateWithFlags(&context_.stream, cudaStreamNonBlocking));
  TRM_CUDA(cudaStreamCreateWithFlags(&copies_, cudaStreamNonBlocking));
  TRM_CUDA(cublasLtCreate(&context_.blas));
  context_.workspace = allocate(product_workspace);
  context_.workspace_bytes = product_workspace;
  register_context(&context_);
}

CudaBackend::~CudaBackend() = default;  // backends live as long as the process

void CudaBackend::use() const { make_current(context_.index); }

DeviceInfo CudaBackend::info() const {
  use();
  DeviceInfo info = info_;
  TRM_CUDA(cudaMemGetInfo(&info.free_bytes, &info.memory_bytes));
  return info;
}

void* CudaBackend::allocate(size_t bytes) {
  use();
  void* memory = nullptr;
  const cudaError_t result = cudaMalloc(&memory, bytes);
  if (result != cudaErrorMemoryAllocation) {
    check(result, "cudaMalloc");
    return memory;
  }
  (void)cudaGetLastError();
  throw out_of_memory(info(), bytes);
}

void CudaBackend::release(void* base) {
  use();
  TRM_CUDA(cudaFree(base));
}

void CudaBackend::copy_from_host(const Tensor& to, const void* from) {
  enqueue_from_host(to, from);
  TRM_CUDA(cudaStreamSynchronize(context_.stream));
}

void CudaBackend::copy_to_host(void* to, const Tensor& from) {
  enqueue_to_host(to, from);
  TRM_CUDA(cudaStreamSynchronize(context_.stream));
}

void CudaBackend::enqueue_from_host(const Tensor& to, const void* from) {
  use();
  if (to.bytes() == 0) return;
  TRM_CUDA(cudaMemcpyAsync(to.address(), from, to.bytes(), cudaMemcpyHostToDevice, context_.stream));
}

void CudaBackend::enqueue_to_host(void* to, const Tensor& from) {
  use();
  if (from.bytes() == 0) return;
  TRM_CUDA(cudaMemcpyAsync(to, from.address(), from.bytes(), cudaMemcpyDeviceToHost, context_.stream));
}

void CudaBackend::copy_within(const Tensor& to, const Tensor& from) {
  if (to.bytes() == 0) return;
  use();
  TRM_CUDA(cudaMemcpyAsync(to.address(), from.address(), to.bytes(), cudaMemcpyDeviceToDevice, context_.stream));
}

void CudaBackend::fill_zero(const Tensor& tensor) {
  if (tensor.bytes() == 0) return;
  use();
  TRM_CUDA(cudaMemsetAsync(tensor.address(), 0, tensor.bytes(), context_.stream));
}

void CudaBackend::synchronize() {
  use();
  TRM_CUDA(cudaStreamSynchronize(context_.stream));
}

bool CudaBackend::supports(DType) const { return true; }  // devices without bfloat16 are not listed

std::shared_ptr<void> CudaBackend::allocate_host(size_t bytes) {
  use();
  void* memory = nullptr;
  if (const cudaError_t result = cudaMallocHost(&memory, bytes ? bytes : 1); result != cudaSuccess) {
    (void)cudaGetLastError();
    throw OutOfMemory("out of page-locked host memory: asked for " + memory_text(bytes) + " (" +
                      cudaGetErrorString(result) + "); lower global_batch_size or set pin_memory to false");
  }
  return {memory, [](void* p) { (void)cudaFreeHost(p); }};
}

std::function<void()> CudaBackend::upload(const Tensor& to, const void* from) {
  use();
  const Event before;  // the memory may still be read by work enqueued before
  const auto after = std::make_shared<Event>();
  TRM_CUDA(cudaEventRecord(before.event, context_.stream));
  TRM_CUDA(cudaStreamWaitEvent(copies_, before.event));
  if (to.bytes() > 0) TRM_CUDA(cudaMemcpyAsync(to.address(), from, to.bytes(), cudaMemcpyHostToDevice, copies_));
  TRM_CUDA(cudaEventRecord(after->event, copies_));
  TRM_CUDA(cudaStreamWaitEvent(context_.stream, after->event));
  return [after, index = context_.index] {
    make_current(index);
    TRM_CUDA(cudaEventSynchronize(after->event));
  };
}

std::unique_ptr<Graph> CudaBackend::capture(const std::function<void()>& work) {
  use();
  return capture_graph(context_.stream, work);
}

Backend::PackedBytes CudaBackend::packed_bytes(int64_t out, int64_t in, DType dtype, bool token) const {
  return packed_sizes(context_, out, in, dtype, token);
}

}  // namespace trm::cuda
