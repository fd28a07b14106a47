#pragma once
#include "device/backend.h"
#include "device/cuda/context.h"
#include "device/native_stream.h"

namespace trm::cuda {

/// One GPU: a compute stream, a copy stream, memory through cudaMalloc, steps captured as CUDA graphs.
class CudaBackend final : public Backend, public NativeStream {
 public:
  explicit CudaBackend(const DeviceInfo& info);
  ~CudaBackend() override;

  DeviceInfo info() const override;
  void* allocate(size_t bytes) override;
  void release(void* base) override;
  void copy_from_host(const Tensor& to, const void* from) override;
  void copy_to_host(void* to, const Tensor& from) override;
  void enqueue_from_host(const Tensor& to, const void* from) override;
  void enqueue_to_host(void* to, const Tensor& from) override;
  void copy_within(const Tensor& to, const Tensor& from) override;
  void fill_zero(const Tensor& tensor) override;
  void synchronize() override;
  void* stream() const override { return context_.stream; }
  bool supports(DType dtype) const override;
  std::shared_ptr<void> allocate_host(size_t bytes) override;
  std::function<void()> upload(const Tensor& to, const void* from) override;
  bool can_capture() const override { return true; }
  std::unique_ptr<Graph> capture(const std::function<void()>& work) override;
  PackedBytes packed_bytes(int64_t out, int64_t in, DType dtype, bool token) const override;

 private:
  void use() const;

  DeviceInfo info_;
  Context context_;
  cudaStream_t copies_ = nullptr;
};

}  // namespace trm::cuda
