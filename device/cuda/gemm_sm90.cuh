#pragma once
// The frame of the Hopper products: out tile [128, BN] = A [M, K] Bᵀ, B [N, K], both bfloat16 with K contiguous, and an
// epilogue of the kernel's own.
//
// A persistent grid of clusters of two blocks. In a block one warpgroup loads, two multiply: the loader keeps `stages`
// pairs of tiles A [128, 64] and B [BN, 64] under way with the copy engine, each of the others holds 64 rows of the
// accumulator. The two blocks of a cluster either take two tiles below each other and share B, or two tiles side by
// side and share A: each loads one half of what is shared, for both. Multiplying warpgroups do not wait for each other,
// so one's epilogue runs beside the other's products.
#include "device/cuda/sm90.cuh"
#include "device/cuda/tensor_map.h"

namespace trm::cuda::sm90 {

enum class Share { a, b };

template <int BN_, int stages_, Share share_>
struct Gemm {
  static constexpr int BM = 128, BN = BN_, BK = 64, stages = stages_, threads = 3 * warpgroup;
  static constexpr Share share = share_;
  static constexpr int a_bytes = BM * BK * 2, b_bytes = BN * BK * 2, stage_bytes = a_bytes + b_bytes,
                       ring_bytes = stages * stage_bytes;
  static constexpr int a_box = share == Share::a ? BM / 2 : BM,
                       b_box = share == Share::b ? BN / 2 : BN;  // rows of a load
  static constexpr int accumulators = BN / 2;
  static constexpr int loader_registers = 40, multiplier_registers = 232;

  /// Places of the barriers, after the ring and `extra` bytes of the epilogue. Bases are multiples of 1024.
  struct Ring {
    uint32_t tiles, full, empty;
    uint32_t stage = 0, phase = 0;
    __device__ uint32_t a() const { return tiles + stage * stage_bytes; }
    __device__ uint32_t b() const { return a() + a_bytes; }
    __device__ uint32_t full_barrier() const { return full + 8 * stage; }
    __device__ uint32_t empty_barrier() const { return empty + 8 * stage; }
    __device__ void advance() {
      if (++stage == stages) {
        stage = 0;
        phase ^= 1;
      }
    }
  };

  /// By one thread, before the blocks of the cluster meet.
  __device__ static void init(const Ring& ring) {
    for (int s = 0; s < stages; ++s) {
      init_barrier(ring.full + 8 * s, 1);
      init_barrier(ring.empty + 8 * s, 4);  // two warpgroups of each of two blocks
    }
  }

  /// Loads the K tiles of one output tile; row, column: of this block's own tile.
  __device__ static void load(Ring& ring, const CUtensorMap& a_map, const CUtensorMap& b_map, int row, int column,
                              int k_tiles, uint32_t rank) {
    for (int k = 0; k < k_tiles; ++k, ring.advance()) {
      wait(ring.empty_barrier(), ring.phase ^ 1);
      const uint32_t full = ring.full_barrier();
      arrive_expecting(full, stage_bytes);
      if constexpr (share == Share::b) {
        load_2d(ring.a(), a_map, k * BK, row, full);
        load_2d_both(ring.b() + rank * (b_bytes / 2), b_map, k * BK, column + static_cast<int>(rank) * b_box, full);
      } else {
        load_2d_both(ring.a() + rank * (a_bytes / 2), a_map, k * BK, row + static_cast<int>(rank) * a_box, full);
        load_2d(ring.b(), b_map, k * BK, column, full);
      }
    }
  }

  /// One warpgroup's 64 rows. halfway: called once, with products under way; the stores of the tile before are then
  /// likely to have been read.
  template <class Halfway>
  __device__ static void multiply(Ring& ring, float (&d)[accumulators], int group, int k_tiles, Halfway&& halfway) {
    uint32_t released = ring.empty_barrier();
    for (int k = 0; k < k_tiles; ++k, ring.advance()) {
      wait(ring.full_barrier(), ring.phase);
      const uint64_t a = descriptor(ring.a() + group * (a_bytes / 2)), b = descriptor(ring.b());
      products_begin();
#pragma unroll
      for (int i = 0; i < BK / 16; ++i) Wgmma<BN>::run(d, a + 2 * i, b + 2 * i, k > 0 || i > 0);
      products_commit();
      if (k == k_tiles / 2) halfway();
      if (k > 0) {
        products_wait<1>();
        release(released);
      }
      released = ring.empty_barrier();
    }
    products_wait<0>();
    pin(d);
    release(released);
  }

  /// Tells the loaders of both blocks that this warpgroup has read a stage.
  __device__ static void release(uint32_t barrier) {
    const int thread = threadIdx.x % warpgroup;
    if (thread < 2) arrive_in(barrier, thread);
  }
};

/// Shared memory begins at a multiple of 1024 bytes, as the swizzle wants.
__device__ __forceinline__ uint32_t aligned_shared(const void* memory) {
  return (shared_address(memory) + 1023) / 1024 * 1024;
}

/// Launches `kernel` as clusters of two blocks, at most one block a multiprocessor.
template <class... Args>
void launch_pairs(const Context& context, const char* op, void (*kernel)(Args...), int64_t pairs_of_tiles, int threads,
                  size_t shared, Args... args) {
  TRM_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared)));
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(2 * static_cast<unsigned>(std::min<int64_t>(pairs_of_tiles, context.multiprocessors / 2)));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared;
  config.stream = context.stream;
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {2, 1, 1};
  config.attrs = &cluster;
  config.numAttrs = 1;
  check(cudaLaunchKernelEx(&config, kernel, args...), op);
}

}  // namespace trm::cuda::sm90
