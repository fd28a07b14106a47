#pragma once
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "device/device.h"
#include "device/dtype.h"
#include "device/shape.h"
#include "device/storage.h"

namespace trm {

/// A contiguous row-major array on one device. Copies share the memory. An undefined Tensor has no storage.
class Tensor {
 public:
  Tensor() = default;

  /// Uninitialised memory from Arena::current(device). Throws OutOfMemory.
  static Tensor empty(const Shape& shape, DType dtype, Device device);
  static Tensor zeros(const Shape& shape, DType dtype, Device device);
  /// Copies host values to the device.
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape, Device device) {
    return from_bytes(values.data(), shape, DTypeOf<T>::value, device);
  }
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape, Device device = cpu_device) {
    return from(std::span<const T>(values), shape, device);
  }
  static Tensor from_bytes(const void* values, const Shape& shape, DType dtype, Device device);
  /// Wraps memory that `owner` keeps alive.
  static Tensor wrap(void* base, const Shape& shape, DType dtype, Device device, std::shared_ptr<void> owner);

  bool defined() const { return storage_ != nullptr; }
  explicit operator bool() const { return defined(); }
  const Shape& shape() const { return shape_; }
  int64_t size(int axis) const { return shape_[axis]; }
  int rank() const { return shape_.rank(); }
  int64_t elements() const { return shape_.elements(); }
  size_t bytes() const { return static_cast<size_t>(elements()) * size_of(dtype_); }
  DType dtype() const { return dtype_; }
  Device device() const { return storage_ ? storage_->device : cpu_device; }

  /// Buffer handle (accelerator) or base address, and the byte offset of the first element in it.
  void* base() const { return storage_->base; }
  size_t offset() const { return storage_->offset + offset_; }
  /// Address of the first element, on cpu and cuda.
  void* address() const { return static_cast<char*>(base()) + offset(); }
  /// As address(), typed; throws DeviceError when T is not the dtype.
  template <class T>
  T* data() const {
    require_dtype(DTypeOf<T>::value);
    return static_cast<T*>(address());
  }

  /// The same elements in another shape; throws DeviceError when the counts differ.
  Tensor reshape(const Shape& shape) const;
  /// Rows [first, first + count) of axis 0, sharing the memory.
  Tensor rows(int64_t first, int64_t count) const;
  /// A view of `shape` that starts `element` elements further on.
  Tensor view(int64_t element, const Shape& shape) const;

  /// A copy on the device (itself where it is there already); waits for it.
  Tensor to(Device device) const;
  /// Overwrites the elements with those of `source`: same shape and dtype, any device; waits where the host is involved.
  void copy_from(const Tensor& source) const;
  /// Overwrites the elements with host values of the dtype.
  void copy_from_host(const void* values) const;
  void copy_to_host(void* values) const;
  void fill_zero() const;

  /// The elements on the host, after everything enqueued before is done. T must be the dtype; bfloat16 converts to float.
  template <class T>
  std::vector<T> to_vector() const {
    std::vector<T> values(static_cast<size_t>(elements()));
    if constexpr (std::is_same_v<T, float>) {
      if (dtype_ == DType::bfloat16) {
        std::vector<bfloat16> narrow(values.size());
        copy_to_host(narrow.data());
        for (size_t i = 0; i < values.size(); ++i) values[i] = narrow[i];
        return values;
      }
    }
    require_dtype(DTypeOf<T>::value);
    copy_to_host(values.data());
    return values;
  }
  /// The only element, on the host.
  template <class T>
  T item() const { return to_vector<T>().at(0); }

  const std::shared_ptr<Storage>& storage() const { return storage_; }

 private:
  void require_dtype(DType dtype) const;

  std::shared_ptr<Storage> storage_;
  size_t offset_ = 0;  // bytes
  Shape shape_;
  DType dtype_ = DType::float32;
};

/// "float32 [2, 97, 512] on cuda"
std::string describe(const Tensor& tensor);

}  // namespace trm
