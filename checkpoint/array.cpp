#include "checkpoint/array.h"

#include <string>

#include "checkpoint/error.h"

namespace trm::checkpoint {

std::string_view name(ArrayType type) {
  switch (type) {
    case ArrayType::float32:
      return "float32";
    case ArrayType::int32:
      return "int32";
    case ArrayType::int64:
      return "int64";
    case ArrayType::uint8:
      return "uint8";
    case ArrayType::uint64:
      return "uint64";
    case ArrayType::float64:
      return "float64";
    case ArrayType::uint32:
      return "uint32";
    case ArrayType::bfloat16:
      return "bfloat16";
  }
  return "?";
}

size_t element_size(ArrayType type) {
  switch (type) {
    case ArrayType::uint8:
      return 1;
    case ArrayType::bfloat16:
      return 2;
    case ArrayType::float32:
    case ArrayType::int32:
    case ArrayType::uint32:
      return 4;
    case ArrayType::int64:
    case ArrayType::uint64:
    case ArrayType::float64:
      return 8;
  }
  return 0;
}

int64_t Array::count() const {
  int64_t count = 1;
  bool overflow = false;
  for (int64_t size : shape) {
    if (size < 0) throw Error("a checkpoint array's shape has a negative size: " + std::to_string(size));
    overflow = __builtin_mul_overflow(count, size, &count) || overflow;
  }
  int64_t total;
  if (overflow || __builtin_mul_overflow(count, static_cast<int64_t>(element_size(type)), &total))
    throw Error("a checkpoint array's shape has more elements than can be addressed");
  return count;
}

Array Array::zeros(ArrayType type, std::vector<int64_t> shape) {
  Array array{type, std::move(shape), {}};
  array.bytes.resize(static_cast<size_t>(array.count()) * element_size(type));
  return array;
}

void Array::require_type(ArrayType wanted) const {
  if (type != wanted)
    throw Error("a checkpoint array of " + std::string(name(type)) + " was read as " + std::string(name(wanted)));
}

void Array::require_count(size_t values) const {
  if (static_cast<size_t>(count()) != values)
    throw Error("a checkpoint array's shape asks for " + std::to_string(count()) + " elements, got " +
                std::to_string(values));
}

}  // namespace trm::checkpoint
