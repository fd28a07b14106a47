#include "device/accelerator/backend.h"

#include <cstring>
#include <string>

#include "device/accelerator/check.h"
#include "device/errors.h"

namespace trm::accelerator {
namespace {

cl_mem buffer_of(const Tensor& t) { return static_cast<cl_mem>(t.base()); }

/// A tensor's bytes as host memory while this lives; only where the memory is shared.
class Mapping {
 public:
  Mapping(const Context& context, const Tensor& t, cl_map_flags how) : context_(context), buffer_(buffer_of(t)) {
    cl_int result = CL_SUCCESS;
    address_ =
        clEnqueueMapBuffer(context.queue, buffer_, CL_TRUE, how, t.offset(), t.bytes(), 0, nullptr, nullptr, &result);
    check(result, "clEnqueueMapBuffer");
  }
  ~Mapping() { (void)clEnqueueUnmapMemObject(context_.queue, buffer_, address_, 0, nullptr, nullptr); }
  Mapping(const Mapping&) = delete;
  void* address() const { return address_; }

 private:
  const Context& context_;
  cl_mem buffer_;
  void* address_ = nullptr;
};

size_t size_of_buffer(cl_mem buffer) {
  size_t bytes = 0;
  TRM_CL(clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof(bytes), &bytes, nullptr));
  return bytes;
}

}  // namespace

OpenClBackend::OpenClBackend(DeviceInfo info, std::unique_ptr<Context> context)
    : info_(std::move(info)), context_(std::move(context)) {
  register_context(context_.get());
}

DeviceInfo OpenClBackend::info() const {
  DeviceInfo info = info_;
  const size_t used = allocated_;
  info.free_bytes = info.memory_bytes > used ? info.memory_bytes - used : 0;
  return info;
}

void* OpenClBackend::allocate(size_t bytes) {
  if (bytes > context_->allocation_limit)
    throw out_of_memory(info(), bytes, ", and it gives at most " + memory_text(context_->allocation_limit) + " at once");
  // Drivers promise more memory than there is and fail, or swap, later.
  if (allocated_ + bytes > context_->memory_bytes) throw out_of_memory(info(), bytes);
  cl_int result = CL_SUCCESS;
  cl_mem buffer = clCreateBuffer(context_->context, CL_MEM_READ_WRITE, bytes, nullptr, &result);
  if (result == CL_MEM_OBJECT_ALLOCATION_FAILURE || result == CL_OUT_OF_RESOURCES || result == CL_OUT_OF_HOST_MEMORY ||
      result == CL_INVALID_BUFFER_SIZE)
    throw out_of_memory(info(), bytes, std::string(" (") + error_name(result) + ")");
  check(result, "clCreateBuffer");
  allocated_ += bytes;
  return buffer;
}

void OpenClBackend::release(void* base) {
  auto* buffer = static_cast<cl_mem>(base);
  allocated_ -= size_of_buffer(buffer);
  TRM_CL(clReleaseMemObject(buffer));
}

void OpenClBackend::copy_from_host(const Tensor& to, const void* from) {
  if (to.bytes() == 0) return;
  if (context_->unified)
    std::memcpy(Mapping(*context_, to, CL_MAP_WRITE_INVALIDATE_REGION).address(), from, to.bytes());
  else
    TRM_CL(clEnqueueWriteBuffer(context_->queue, buffer_of(to), CL_TRUE, to.offset(), to.bytes(), from, 0, nullptr,
                                nullptr));
}

void OpenClBackend::copy_to_host(void* to, const Tensor& from) {
  if (from.bytes() == 0) return;
  if (context_->unified)
    std::memcpy(to, Mapping(*context_, from, CL_MAP_READ).address(), from.bytes());
  else
    TRM_CL(clEnqueueReadBuffer(context_->queue, buffer_of(from), CL_TRUE, from.offset(), from.bytes(), to, 0, nullptr,
                               nullptr));
}

void OpenClBackend::copy_within(const Tensor& to, const Tensor& from) {
  const size_t bytes = to.bytes();
  if (bytes == 0) return;
  if (to.base() == from.base() && to.offset() < from.offset() + bytes && from.offset() < to.offset() + bytes) {
    if (to.offset() == from.offset()) return;
    const Tensor between =
        Tensor::empty(from.shape(), from.dtype(), from.device());  // OpenCL refuses copies that overlap
    copy_within(between, from);
    return copy_within(to, between);
  }
  TRM_CL(clEnqueueCopyBuffer(context_->queue, buffer_of(from), buffer_of(to), from.offset(), to.offset(), bytes, 0,
                             nullptr, nullptr));
}

void OpenClBackend::fill_zero(const Tensor& tensor) {
  if (tensor.bytes() == 0) return;
  const cl_uint zero = 0;
  const size_t pattern = (tensor.offset() | tensor.bytes()) % sizeof(zero) == 0 ? sizeof(zero) : 1;
  TRM_CL(clEnqueueFillBuffer(context_->queue, buffer_of(tensor), &zero, pattern, tensor.offset(), tensor.bytes(), 0,
                             nullptr, nullptr));
}

void OpenClBackend::synchronize() { TRM_CL(clFinish(context_->queue)); }

bool OpenClBackend::supports(DType dtype) const { return dtype != DType::bfloat16; }

std::function<void()> OpenClBackend::upload(const Tensor& to, const void* from) {
  if (to.bytes() == 0) return [] {};
  if (context_->unified) {
    std::memcpy(Mapping(*context_, to, CL_MAP_WRITE_INVALIDATE_REGION).address(), from, to.bytes());
    return [] {};
  }
  cl_event written = nullptr;
  TRM_CL(clEnqueueWriteBuffer(context_->queue, buffer_of(to), CL_FALSE, to.offset(), to.bytes(), from, 0, nullptr,
                              &written));
  TRM_CL(clFlush(context_->queue));
  const std::shared_ptr<_cl_event> event(written, [](cl_event e) { (void)clReleaseEvent(e); });
  return [event] {
    cl_event waited = event.get();
    TRM_CL(clWaitForEvents(1, &waited));
  };
}

}  // namespace trm::accelerator
