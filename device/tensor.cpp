#include "device/tensor.h"

#include <cstdint>

#include "device/arena.h"
#include "device/backend.h"
#include "device/errors.h"

namespace trm {

namespace {

/// Throws DeviceError where the product of the sizes leaves what numbers of the machine hold.
size_t checked_bytes(const Shape& shape, DType dtype) {
  size_t bytes = size_of(dtype);
  bool overflow = false, empty = false;
  for (int i = 0; i < shape.rank(); ++i) {
    empty = empty || shape[i] == 0;
    overflow = __builtin_mul_overflow(bytes, static_cast<size_t>(shape[i]), &bytes) || overflow;
  }
  if (empty) return 0;
  if (overflow || bytes > static_cast<size_t>(INT64_MAX)) throw DeviceError("a tensor " + std::string(name_of(dtype)) + " " + to_string(shape) + " has more bytes than can be addressed");
  return bytes;
}

}  // namespace

void Shape::push_back(int64_t size) {
  if (rank_ == max_rank) throw DeviceError("a shape has at most " + std::to_string(max_rank) + " axes");
  if (size < 0) throw DeviceError("an axis of size " + std::to_string(size) + ": sizes are 0 or more");
  sizes_[rank_++] = size;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::string describe(const Tensor& tensor) {
  if (!tensor) return "undefined tensor";
  return std::string(name_of(tensor.dtype())) + " " + to_string(tensor.shape()) + " on " + to_string(tensor.device());
}

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
  Tensor tensor;
  tensor.shape_ = shape;
  tensor.dtype_ = dtype;
  const size_t bytes = checked_bytes(shape, dtype);
  tensor.storage_ = Arena::current(device)->allocate(bytes);
  return tensor;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
  Tensor tensor = empty(shape, dtype, device);
  tensor.fill_zero();
  return tensor;
}

Tensor Tensor::from_bytes(const void* values, const Shape& shape, DType dtype, Device device) {
  Tensor tensor = empty(shape, dtype, device);
  tensor.copy_from_host(values);
  return tensor;
}

Tensor Tensor::wrap(void* base, const Shape& shape, DType dtype, Device device, std::shared_ptr<void> owner) {
  checked_bytes(shape, dtype);
  Tensor tensor;
  tensor.shape_ = shape;
  tensor.dtype_ = dtype;
  tensor.storage_ = std::make_shared<Storage>();
  tensor.storage_->device = device;
  tensor.storage_->base = base;
  tensor.storage_->bytes = tensor.bytes();
  tensor.storage_->owner = std::move(owner);
  return tensor;
}

void Tensor::require_dtype(DType dtype) const {
  if (!defined()) throw DeviceError("an undefined tensor has no data");
  if (dtype != dtype_) throw DeviceError("asked for " + std::string(name_of(dtype)) + " data of a tensor that is " + describe(*this));
}

Tensor Tensor::reshape(const Shape& shape) const {
  checked_bytes(shape, dtype_);
  if (shape.elements() != elements()) throw DeviceError("cannot reshape " + describe(*this) + " to " + to_string(shape));
  Tensor view = *this;
  view.shape_ = shape;
  return view;
}

Tensor Tensor::rows(int64_t first, int64_t count) const {
  if (rank() == 0 || first < 0 || count < 0 || count > size(0) || first > size(0) - count)
    throw DeviceError("rows " + std::to_string(first) + " to " + std::to_string(first + count) + " of " + describe(*this) + " do not exist");
  Shape shape = shape_;
  shape[0] = 1;
  const int64_t stride = shape.elements();
  shape[0] = count;
  return view(first * stride, shape);
}

Tensor Tensor::view(int64_t element, const Shape& shape) const {
  checked_bytes(shape, dtype_);
  if (element < 0 || shape.elements() > elements() || element > elements() - shape.elements())
    throw DeviceError("a view " + to_string(shape) + " from element " + std::to_string(element) + " leaves " + describe(*this));
  Tensor part = *this;
  part.offset_ += static_cast<size_t>(element) * size_of(dtype_);
  part.shape_ = shape;
  return part;
}

Tensor Tensor::to(Device device) const {
  if (device == this->device()) return *this;
  Tensor copy = empty(shape_, dtype_, device);
  copy.copy_from(*this);
  return copy;
}

void Tensor::copy_from(const Tensor& source) const {
  if (source.dtype() != dtype_ || source.elements() != elements())
    throw DeviceError("cannot copy " + describe(source) + " into " + describe(*this));
  if (elements() == 0) return;
  if (source.device() == device()) {
    Backend::of(device()).copy_within(*this, source);
  } else if (source.device().kind == DeviceKind::cpu) {
    copy_from_host(source.address());
  } else if (device().kind == DeviceKind::cpu) {
    source.copy_to_host(address());
  } else {
    std::vector<std::byte> host(bytes());
    source.copy_to_host(host.data());
    copy_from_host(host.data());
  }
}

void Tensor::copy_from_host(const void* values) const {
  if (elements()) Backend::of(device()).copy_from_host(*this, values);
}
void Tensor::copy_to_host(void* values) const {
  if (elements()) Backend::of(device()).copy_to_host(values, *this);
}
void Tensor::fill_zero() const {
  if (elements()) Backend::of(device()).fill_zero(*this);
}

}  // namespace trm
