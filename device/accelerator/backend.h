#pragma once
#include <atomic>
#include <memory>

#include "device/accelerator/context.h"
#include "device/backend.h"

namespace trm::accelerator {

/// One OpenCL device: memory as buffers, one in-order queue. A Storage's base is the buffer (cl_mem).
class OpenClBackend final : public Backend {
 public:
  OpenClBackend(DeviceInfo info, std::unique_ptr<Context> context);

  DeviceInfo info() const override;
  /// Throws OutOfMemory; names the limit where it is the size of one buffer.
  void* allocate(size_t bytes) override;
  void release(void* base) override;
  void copy_from_host(const Tensor& to, const void* from) override;
  void copy_to_host(void* to, const Tensor& from) override;
  void copy_within(const Tensor& to, const Tensor& from) override;
  void fill_zero(const Tensor& tensor) override;
  void synchronize() override;
  bool supports(DType dtype) const override;
  /// Enqueued on the same queue; the host does not wait.
  std::function<void()> upload(const Tensor& to, const void* from) override;

 private:
  DeviceInfo info_;
  std::unique_ptr<Context> context_;
  std::atomic<size_t> allocated_{0};
};

}  // namespace trm::accelerator
