#pragma once
// A named tensor's contents on the host, as checkpoints store them: element type, shape, row-major bytes.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace trm::checkpoint {

/// bfloat16 is the upper half of a float32; its elements are handled as bytes.
enum class ArrayType { float32, int32, int64, uint8, uint64, float64, uint32, bfloat16 };

/// "float32", "int32", ...
std::string_view name(ArrayType type);
/// Bytes of one element.
size_t element_size(ArrayType type);

template <class T>
constexpr ArrayType array_type_of() {
  if constexpr (std::is_same_v<T, float>)
    return ArrayType::float32;
  else if constexpr (std::is_same_v<T, int32_t>)
    return ArrayType::int32;
  else if constexpr (std::is_same_v<T, int64_t>)
    return ArrayType::int64;
  else if constexpr (std::is_same_v<T, uint8_t>)
    return ArrayType::uint8;
  else if constexpr (std::is_same_v<T, uint64_t>)
    return ArrayType::uint64;
  else if constexpr (std::is_same_v<T, double>)
    return ArrayType::float64;
  else {
    static_assert(std::is_same_v<T, uint32_t>, "not an element type of checkpoint arrays");
    return ArrayType::uint32;
  }
}

struct Array {
  ArrayType type = ArrayType::float32;
  std::vector<int64_t> shape;    // empty: a scalar of one element
  std::vector<std::byte> bytes;  // count() * element_size(type)

  /// Elements: the product of the shape. Throws Error where a size is negative or the product overflows.
  int64_t count() const;

  /// Zeros of that type and shape.
  static Array zeros(ArrayType type, std::vector<int64_t> shape);

  /// A copy of `values`. Throws Error where their number is not that of the shape.
  template <class T>
  static Array of(std::vector<int64_t> shape, std::span<const T> values) {
    Array array;
    array.type = array_type_of<T>();
    array.shape = std::move(shape);
    array.require_count(values.size());
    array.bytes.resize(values.size_bytes());
    if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), values.size_bytes());
    return array;
  }
  template <class T>
  static Array of(std::vector<int64_t> shape, const std::vector<T>& values) {
    return of(std::move(shape), std::span<const T>(values));
  }
  template <class T>
  static Array scalar(T value) {
    return of({}, std::span<const T>(&value, 1));
  }

  /// The elements. Throws Error where T is not the array's type.
  template <class T>
  std::span<const T> as() const {
    require_type(array_type_of<T>());
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <class T>
  std::span<T> as() {
    require_type(array_type_of<T>());
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }

  friend bool operator==(const Array&, const Array&) = default;

 private:
  void require_type(ArrayType wanted) const;
  void require_count(size_t values) const;
};

}  // namespace trm::checkpoint
