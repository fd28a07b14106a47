#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

namespace trm {

/// Element types of a Tensor. boolean is one byte, 0 or 1.
enum class DType : uint8_t { float32, bfloat16, int32, int64, boolean };

/// Bytes of one element.
constexpr size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::bfloat16: return 2;
    case DType::int64: return 8;
    case DType::boolean: return 1;
    default: return 4;
  }
}

const char* name_of(DType dtype);

/// "float32" or "bfloat16"; throws DeviceError naming both for anything else.
DType parse_dtype(const std::string& text);

/// The upper half of a float32, rounded to nearest even.
struct bfloat16 {
  uint16_t bits = 0;
  bfloat16() = default;
  explicit bfloat16(float value) {
    const auto u = std::bit_cast<uint32_t>(value);
    const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<uint16_t>(nan ? (u >> 16) | 0x40u : (u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
  operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};
static_assert(sizeof(bfloat16) == 2);

template <class T> struct DTypeOf;
template <> struct DTypeOf<float> { static constexpr DType value = DType::float32; };
template <> struct DTypeOf<bfloat16> { static constexpr DType value = DType::bfloat16; };
template <> struct DTypeOf<int32_t> { static constexpr DType value = DType::int32; };
template <> struct DTypeOf<int64_t> { static constexpr DType value = DType::int64; };
template <> struct DTypeOf<uint8_t> { static constexpr DType value = DType::boolean; };

}  // namespace trm
