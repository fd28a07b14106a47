#pragma once
// Hopper's copy engine, barriers in shared memory, clusters of two blocks and matrix descriptors, as thin functions
// over PTX.
#include <cuda.h>

#include "device/cuda/device_math.cuh"
#include "device/cuda/wgmma.cuh"

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define TRM_SM90A 1
#endif

namespace trm::cuda::sm90 {

inline constexpr int warpgroup = 128;

__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// ---- barriers in shared memory (addresses are those of this block's shared memory)
__device__ __forceinline__ void init_barrier(uint32_t barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
__device__ __forceinline__ void publish_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ __forceinline__ void arrive(uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
__device__ __forceinline__ void arrive_expecting(uint32_t barrier, uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
__device__ __forceinline__ bool passed(uint32_t barrier, uint32_t phase) {
  uint32_t done;
  asm volatile("{\n.reg .pred p;\nmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\nselp.u32 %0, 1, 0, p;\n}\n"
               : "=r"(done)
               : "r"(barrier), "r"(phase)
               : "memory");
  return done != 0;
}
/// Waits until the phase of this parity is complete.
__device__ __forceinline__ void wait(uint32_t barrier, uint32_t phase) {
  while (!passed(barrier, phase)) {
  }
}

// ---- clusters of two blocks
__device__ __forceinline__ uint32_t cluster_rank() {
  uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
__device__ __forceinline__ void cluster_sync() {
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;\n" ::: "memory");
}
/// The same place in the shared memory of block `rank` of the cluster.
__device__ __forceinline__ uint32_t address_in(uint32_t address, uint32_t rank) {
  uint32_t remote;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(address), "r"(rank));
  return remote;
}
__device__ __forceinline__ void arrive_in(uint32_t barrier, uint32_t rank) {
  asm volatile("mbarrier.arrive.shared::cluster.b64 _, [%0];" ::"r"(address_in(barrier, rank)) : "memory");
}
/// Writes a float to another block's shared memory and counts its bytes at that block's barrier. Both addresses are
/// remote ones.
__device__ __forceinline__ void store_remote(uint32_t address, float value, uint32_t barrier) {
  asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.f32 [%0], %1, [%2];" ::"r"(address), "f"(value),
               "r"(barrier)
               : "memory");
}

// ---- the copy engine
__device__ __forceinline__ void prefetch(const CUtensorMap& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(reinterpret_cast<uint64_t>(&map)) : "memory");
}
__device__ __forceinline__ void load_2d(uint32_t to, const CUtensorMap& map, int x, int y, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(
          to),
      "l"(reinterpret_cast<uint64_t>(&map)), "r"(barrier), "r"(x), "r"(y)
      : "memory");
}
__device__ __forceinline__ void load_3d(uint32_t to, const CUtensorMap& map, int x, int y, int z, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];" ::
          "r"(to),
      "l"(reinterpret_cast<uint64_t>(&map)), "r"(barrier), "r"(x), "r"(y), "r"(z)
      : "memory");
}
/// Consecutive bytes; addresses and number are multiples of 16.
__device__ __forceinline__ void load_bytes(uint32_t to, const void* from, uint32_t bytes, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to),
      "l"(__cvta_generic_to_global(from)), "r"(bytes), "r"(barrier)
      : "memory");
}
/// To the same place in both blocks of the cluster; each block's barrier counts the bytes.
__device__ __forceinline__ void load_2d_both(uint32_t to, const CUtensorMap& map, int x, int y, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, {%3, "
      "%4}], [%2], %5;" ::"r"(to),
      "l"(reinterpret_cast<uint64_t>(&map)), "r"(barrier), "r"(x), "r"(y), "h"(static_cast<uint16_t>(3))
      : "memory");
}
__device__ __forceinline__ void store_2d(const CUtensorMap& map, int x, int y, uint32_t from) {
  asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2, %3}], [%1];" ::"l"(
                   reinterpret_cast<uint64_t>(&map)),
               "r"(from), "r"(x), "r"(y)
               : "memory");
}
__device__ __forceinline__ void store_3d(const CUtensorMap& map, int x, int y, int z, uint32_t from) {
  asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(
                   reinterpret_cast<uint64_t>(&map)),
               "r"(from), "r"(x), "r"(y), "r"(z)
               : "memory");
}
__device__ __forceinline__ void commit_stores() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
/// Waits until the stores of this thread, but for the last `pending` groups, have read their shared memory.
template <int pending = 0>
__device__ __forceinline__ void wait_stores_read() {
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(pending) : "memory");
}
__device__ __forceinline__ void wait_stores() { asm volatile("cp.async.bulk.wait_group 0;" ::: "memory"); }
/// Between ordinary writes to shared memory and the copy engine or matrix unit that reads them.
__device__ __forceinline__ void fence_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// ---- matrix products
__device__ __forceinline__ void products_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void products_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int pending>
__device__ __forceinline__ void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}
/// Keeps the compiler from moving uses of accumulators over the waits.
template <int N>
__device__ __forceinline__ void pin(float (&d)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

/// Descriptor of an operand in the 128-byte swizzle: rows of 64 elements, groups of 8 rows 1024 bytes apart. It serves
/// both ways round: K contiguous (rows are M or N; 16 further along K are 32 bytes), or M or N contiguous, at most 64
/// of them (rows are K; 16 further along K are 2048 bytes).
__device__ __forceinline__ uint64_t descriptor(uint32_t address) {
  return (uint64_t{1} << 62) | (uint64_t{1024 >> 4} << 32) | (uint64_t{1} << 16) | ((address & 0x3ffff) >> 4);
}

/// The same for rows of a head: head_dim 64, or 32 in the 64-byte swizzle. 16 further along rows are 32 · head_dim
/// bytes.
template <int head_dim>
__device__ __forceinline__ uint64_t head_descriptor(uint32_t address) {
  static_assert(head_dim == 64 || head_dim == 32);
  const uint64_t swizzle = head_dim == 64 ? 1 : 2, group = 16 * head_dim;
  return (swizzle << 62) | ((group >> 4) << 32) | (uint64_t{1} << 16) | ((address & 0x3ffff) >> 4);
}

/// The same for more than 64 contiguous elements of M or N: boxes of 64, `box_bytes` apart.
__device__ __forceinline__ uint64_t wide_descriptor(uint32_t address, int box_bytes) {
  return (uint64_t{1} << 62) | (uint64_t{1024 >> 4} << 32) | (static_cast<uint64_t>(box_bytes >> 4) << 16) |
         ((address & 0x3ffff) >> 4);
}

template <int registers>
__device__ __forceinline__ void more_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers>
__device__ __forceinline__ void fewer_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}
/// A barrier among the threads of a warpgroup.
__device__ __forceinline__ void sync_group(int id) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "n"(warpgroup) : "memory");
}

// ---- 8 x 8 tiles of bfloat16 between registers and shared memory: lane l gives the address of row l % 8 of tile l / 8
__device__ __forceinline__ void store_tiles(uint32_t address, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(a), "r"(b),
               "r"(c), "r"(d)
               : "memory");
}
__device__ __forceinline__ void store_tiles_transposed(uint32_t address, uint32_t a, uint32_t b, uint32_t c,
                                                       uint32_t d) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(a), "r"(b),
               "r"(c), "r"(d)
               : "memory");
}
__device__ __forceinline__ void store_tiles_transposed(uint32_t address, uint32_t a, uint32_t b) {
  asm volatile("stmatrix.sync.aligned.m8n8.x2.trans.shared.b16 [%0], {%1, %2};" ::"r"(address), "r"(a), "r"(b)
               : "memory");
}
__device__ __forceinline__ void load_tiles(uint32_t address, uint32_t (&r)[4]) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}
__device__ __forceinline__ void load_tiles_transposed(uint32_t address, uint32_t (&r)[4]) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}
__device__ __forceinline__ void load_tiles_transposed(uint32_t address, uint32_t (&r)[2]) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(address)
               : "memory");
}

__device__ __forceinline__ float4 load_shared(uint32_t address) {
  float4 v;
  asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
               : "r"(address)
               : "memory");
  return v;
}

// ---- numbers
__device__ __forceinline__ uint32_t pair(float low, float high) {
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}
__device__ __forceinline__ float low_of(uint32_t packed) { return __uint_as_float(packed << 16); }
__device__ __forceinline__ float high_of(uint32_t packed) { return __uint_as_float(packed & 0xffff0000u); }
__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
/// σ(x) = (1 + tanh(x / 2)) / 2, with the one instruction for tanh (error 2⁻¹¹, under what bfloat16 keeps).
__device__ __forceinline__ float fast_sigmoid(float x) {
  float t;
  asm("tanh.approx.f32 %0, %1;" : "=f"(t) : "f"(0.5f * x));
  return fmaf(0.5f, t, 0.5f);
}

/// Address of lane `lane`'s row for a 16 x 16 block of a swizzled tile at `base` whose rows are 128 bytes: rows row
/// ..., columns 8 · chunk ... Tiles come in the order of an accumulator: (low rows, left), (high rows, left), (low,
/// right), (high, right).
__device__ __forceinline__ uint32_t tile_address(uint32_t base, int row, int chunk, int lane) {
  const int r = row + (lane / 8 % 2) * 8 + lane % 8, c = chunk + lane / 16;
  return base + static_cast<uint32_t>(r * 128 + ((c ^ (r & 7)) << 4));
}
/// The same where memory holds the transposed block: rows of memory are columns of the accumulator.
__device__ __forceinline__ uint32_t transposed_tile_address(uint32_t base, int column, int chunk, int lane) {
  const int r = column + (lane / 16) * 8 + lane % 8, c = chunk + lane / 8 % 2;
  return base + static_cast<uint32_t>(r * 128 + ((c ^ (r & 7)) << 4));
}

/// tile_address for rows of a head.
template <int head_dim>
__device__ __forceinline__ uint32_t head_tile_address(uint32_t base, int row, int chunk, int lane) {
  const int r = row + (lane / 8 % 2) * 8 + lane % 8, c = chunk + lane / 16;
  const int mixed = head_dim == 64 ? c ^ (r & 7) : c ^ (r / 2 & 3);
  return base + static_cast<uint32_t>(r * 2 * head_dim + (mixed << 4));
}

}  // namespace trm::cuda::sm90
