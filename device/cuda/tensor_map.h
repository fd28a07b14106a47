#pragma once
#include <cuda.h>

#include <cstdint>
#include <initializer_list>

namespace trm::cuda {

/// Describes a bfloat16 array to Hopper's copy engine. sizes and box: elements, fastest axis first; strides: bytes of
/// the axes after the first. Boxes lie in shared memory with 128-byte rows (64 elements) in the 128-byte swizzle; what
/// is outside the array reads as zero and is not written. narrow: rows of 64 bytes in the 64-byte swizzle. The base
/// must be a multiple of 16 bytes, as must the strides. Throws DeviceError.
CUtensorMap make_tensor_map(const void* base, std::initializer_list<int64_t> sizes,
                            std::initializer_list<int64_t> strides, std::initializer_list<int64_t> box,
                            bool narrow = false);

/// A row-major matrix [rows, columns], rows `ld` elements apart, in boxes of 64 columns.
CUtensorMap make_matrix_map(const void* base, int64_t rows, int64_t columns, int64_t ld, int64_t box_rows);

/// True where an address and a row length in elements can be described.
inline bool mappable(const void* base, int64_t ld) {
  return reinterpret_cast<uintptr_t>(base) % 16 == 0 && ld % 8 == 0;
}

}  // namespace trm::cuda
