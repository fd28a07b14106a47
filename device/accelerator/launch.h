#pragma once
// Starting kernels: work sizes from what the device allows, and arguments in the order of the kernel's parameters. A
// Tensor becomes two of them, its buffer and its first element; in the .cl file that is TENSOR(type, name).
#include <array>
#include <cstdint>
#include <string>
#include <type_traits>

#include "device/accelerator/check.h"
#include "device/accelerator/context.h"
#include "device/accelerator/programs.h"
#include "device/accelerator/sources.h"

namespace trm::accelerator {

/// Work-groups and items of a group, per dimension.
struct Grid {
  std::array<size_t, 3> groups{1, 1, 1}, items{1, 1, 1};
};

/// A local array of so many floats, as an argument.
struct LocalFloats {
  size_t count;
};

/// A place in a tensor's memory: as a Tensor argument, moved on by `element`.
struct Place {
  const Tensor* tensor;  // null: no memory
  int64_t element = 0;
};

/// A tensor's memory as units of so many bytes, whatever its dtype.
struct Bytes {
  const Tensor* tensor;
  size_t unit;
};

inline size_t divide_up(int64_t a, size_t b) { return (static_cast<size_t>(a) + b - 1) / b; }

/// The largest power of two that is at most `wanted` and that the kernel allows.
size_t group_items(const Kernel& kernel, size_t wanted);
/// Throws DeviceError where the kernel does not allow `items` in a group.
void require_items(const Context& context, const Kernel& kernel, size_t items);

/// An item takes elements i, i + all items, ... of n.
Grid over_elements(const Context& context, const Kernel& kernel, int64_t n);

/// Rows of `width` elements: `lanes` items (dimension 0, a power of two) share a row, a group holds several rows
/// (dimension 1). In the .cl file: LANE, LANES, ROW.
struct RowGrid {
  Grid grid;
  size_t lanes = 1, rows = 1;
  LocalFloats scratch() const { return {lanes * rows}; }
};
RowGrid over_rows(const Context& context, const Kernel& kernel, int64_t rows, int64_t width);

namespace detail {

void set_argument(const Kernel& kernel, cl_uint index, size_t bytes, const void* value);
void enqueue(Context& context, const char* op, const Kernel& kernel, const Grid& grid);

inline void put_memory(const Kernel& kernel, cl_uint& index, cl_mem buffer, cl_ulong first) {
  set_argument(kernel, index++, sizeof(buffer), &buffer);
  set_argument(kernel, index++, sizeof(first), &first);
}
inline void put(const Kernel& kernel, cl_uint& index, const Place& place) {
  if (!place.tensor || !place.tensor->defined()) return put_memory(kernel, index, nullptr, 0);
  const Tensor& t = *place.tensor;
  put_memory(kernel, index, static_cast<cl_mem>(t.base()),
             t.offset() / size_of(t.dtype()) + static_cast<cl_ulong>(place.element));
}
inline void put(const Kernel& kernel, cl_uint& index, const Bytes& bytes) {
  put_memory(kernel, index, static_cast<cl_mem>(bytes.tensor->base()), bytes.tensor->offset() / bytes.unit);
}
inline void put(const Kernel& kernel, cl_uint& index, const Tensor& tensor) { put(kernel, index, Place{&tensor}); }
inline void put(const Kernel& kernel, cl_uint& index, const Tensor* tensor) { put(kernel, index, Place{tensor}); }
inline void put(const Kernel& kernel, cl_uint& index, const LocalFloats& local) {
  set_argument(kernel, index++, (local.count ? local.count : 1) * sizeof(float), nullptr);
}
template <class T>
requires std::is_arithmetic_v<T>
void put(const Kernel& kernel, cl_uint& index, const T& value) {
  static_assert(!std::is_same_v<T, bool> && !std::is_same_v<T, double>);
  set_argument(kernel, index++, sizeof(value), &value);
}

}  // namespace detail

/// Enqueues a kernel. int64_t is long there, int32_t int, float float.
template <class... Args>
void launch(Context& context, const char* op, const Kernel& kernel, const Grid& grid, const Args&... args) {
  for (const size_t groups : grid.groups)
    if (groups == 0) return;
  const std::lock_guard lock(context.launching);
  cl_uint index = 0;
  (detail::put(kernel, index, args), ...);
  detail::enqueue(context, op, kernel, grid);
}

}  // namespace trm::accelerator
