#pragma once
// Matrix products of a warp (mma.sync, Ampere and later): D [16, 8] f32 += A [16, 16] B [16, 8], bfloat16. Lane l holds
// of D rows l / 4 (+ 8), columns 2 (l % 4) (+ 1); an accumulator pair of 8-column groups is an A operand.
#include "device/cuda/device_math.cuh"

namespace trm::cuda::mma {

__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void load_tiles(const void* row, uint32_t (&r)[4]) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}
__device__ __forceinline__ void load_tiles_transposed(const void* row, uint32_t (&r)[4]) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}
/// 16 bytes to shared memory, or zeros.
__device__ __forceinline__ void copy16(void* to, const void* from, bool valid) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(valid ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int pending>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}
__device__ __forceinline__ uint32_t pair(float low, float high) {
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}
__device__ __forceinline__ float exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// Rows of a head in shared memory, padded by 16 bytes so that eight rows lie in different banks.
template <int head_dim>
struct Tile {
  static constexpr int pitch = head_dim + 8;
  static constexpr int steps = head_dim / 16;
  __nv_bfloat16* data;

  /// Rows first ... first + rows of a head whose rows are `stride` apart; zero from `end` on. By all `threads` threads
  /// of the block.
  template <int rows, int threads>
  __device__ __forceinline__ void load(const __nv_bfloat16* head, int64_t stride, int first, int end) const {
    constexpr int packs = head_dim / 8;
#pragma unroll
    for (int i = threadIdx.x; i < rows * packs; i += threads) {
      const int r = i / packs, c = i % packs * 8;
      const bool valid = first + r < end;
      copy16(data + r * pitch + c, head + (valid ? first + r : 0) * stride + c, valid);
    }
  }
  /// 16 rows as an A operand, one for each step of K.
  __device__ __forceinline__ void operand(int row, uint32_t (&a)[steps][4]) const {
    const int lane = threadIdx.x % warp_size;
#pragma unroll
    for (int s = 0; s < steps; ++s) load_tiles(data + (row + lane % 16) * pitch + 16 * s + lane / 16 * 8, a[s]);
  }
  /// d [16, 16] = a · rowsᵀ of 16 rows
  __device__ __forceinline__ void times_rows(const uint32_t (&a)[steps][4], int row, float (&d)[2][4]) const {
    const int lane = threadIdx.x % warp_size;
#pragma unroll
    for (int j = 0; j < 4; ++j) d[0][j] = d[1][j] = 0;
#pragma unroll
    for (int s = 0; s < steps; ++s) {
      uint32_t b[4];  // rows 0-7: K 0-7, K 8-15; rows 8-15: likewise
      load_tiles(data + (row + lane / 16 * 8 + lane % 8) * pitch + 16 * s + lane / 8 % 2 * 8, b);
      multiply(d[0], a[s], b[0], b[1]);
      multiply(d[1], a[s], b[2], b[3]);
    }
  }
  /// d [16, head_dim] += a [16, 16] · 16 rows
  __device__ __forceinline__ void add_product(const uint32_t (&a)[4], int row, float (&d)[head_dim / 8][4]) const {
    const int lane = threadIdx.x % warp_size;
#pragma unroll
    for (int s = 0; s < steps; ++s) {
      uint32_t b[4];  // columns 0-7: rows 0-7, rows 8-15; columns 8-15: likewise
      load_tiles_transposed(data + (row + lane % 16) * pitch + 16 * s + lane / 16 * 8, b);
      multiply(d[2 * s], a, b[0], b[1]);
      multiply(d[2 * s + 1], a, b[2], b[3]);
    }
  }
};

}  // namespace trm::cuda::mma
