// Decoding on Hopper: all blocks of a level at one new position a row, in one kernel; a row has a cluster of thread
// blocks of its own (row y of the grid), so its bits depend on no other. Each thread block makes a slice of every
// matrix-vector product. One thread streams the block's rows of all weights through
// a ring in shared memory, as far ahead as there is room; vectors go to all blocks of the cluster as asynchronous
// stores that count their bytes at the receiver's barrier, so that nobody waits for more than it needs.
#include <map>
#include <mutex>
#include <vector>

#include "device/cached_block.h"
#include "device/cuda/cached_level_attention.cuh"
#include "device/cuda/cached_level_products.cuh"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

using namespace sm90;
using namespace decoding;

template <class T>
__device__ __forceinline__ T* shared_at(unsigned char* shared, uint32_t offset) {
  return reinterpret_cast<T*>(shared + offset);
}

/// h = rounded sum of the level's inputs.
template <class T>
__device__ void sum_inputs(const Params& p, T* h) {
#pragma unroll 1
  for (int i = threadIdx.x; i < p.D; i += consumers) {
    const int64_t at = int64_t{blockIdx.y} * p.D + i;
    float sum = to_float(static_cast<const T*>(p.input[0])[at]);
#pragma unroll 1
    for (int n = 1; n < p.inputs; ++n) sum += to_float(static_cast<const T*>(p.input[n])[at]);
    h[place<T>(i)] = from_float<T>(sum);
  }
}

/// y = s · rsqrt(mean(s²) + eps) by all consumers; every warp makes the mean for itself.
template <class T>
__device__ void rms_norm(const float* s, T* y, int D, float eps) {
  float square = 0;
#pragma unroll 2
  for (int i = 4 * (threadIdx.x % warp_size); i < D; i += 4 * warp_size) {
    const float4 v = *reinterpret_cast<const float4*>(s + i);
    square += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
  }
  const float scale = rsqrtf(warp_sum(square) / static_cast<float>(D) + eps);
#pragma unroll 1
  for (int i = threadIdx.x; i < D; i += consumers) y[place<T>(i)] = from_float<T>(s[i] * scale);
}

/// q, k, v of the block's heads from the products: rounded, rotated, k and v appended to the caches.
template <class T>
__device__ void finish_qkv(const Params& p, const Layer& layer, const Slice& mine, const float* partial,
                           const float* cosines, T* qkv, int head_dim, const Text& text) {
  const int half = head_dim / 2, rows = mine.heads * 3 * head_dim;
  const float* sines = cosines + half;
#pragma unroll 1
  for (int item = threadIdx.x; item < mine.heads * 3 * half; item += consumers) {
    const int part = item / half, i = item - part * half, head = part / 3, which = part - 3 * head;
    const int low = part * head_dim + i, high = low + half;
    float a = 0, b = 0;
#pragma unroll 1
    for (int split = 0; split < mine.splits[0]; ++split) {
      a += partial[split * rows + low];
      b += partial[split * rows + high];
    }
    T x = from_float<T>(a), y = from_float<T>(b);
    if (p.cosines && which < 2) {
      const float c = cosines[i], s = sines[i], u = to_float(x), v = to_float(y);
      x = from_float<T>(u * c - v * s);
      y = from_float<T>(v * c + u * s);
    }
    qkv[low] = x;
    qkv[high] = y;
    if (which > 0 && text.active && text.position < p.S) {
      const int global_head = static_cast<int>(cluster_rank()) + head * p.cluster;
      T* cache = static_cast<T*>(which == 1 ? layer.keys : layer.values) +
                 int64_t{text.first_key + text.position} * p.inner + global_head * head_dim;
      cache[i] = x;
      cache[i + half] = y;
    }
  }
}

template <class T, int head_dim>
__global__ __launch_bounds__(threads, 1) void cached_level_kernel(const __grid_constant__ Params p) {
#ifdef TRM_SM90A
  extern __shared__ __align__(256) unsigned char shared[];
  const Offsets& at = p.at;
  const int rank = static_cast<int>(cluster_rank()), warp = threadIdx.x / warp_size, lane = threadIdx.x % warp_size;
  const uint32_t base = shared_address(shared);
  Slice& mine = *shared_at<Slice>(shared, 128);
  const Ring ring{base + at.ring, p.ring_bytes};
  const uint32_t full = base, freed = base + 32, arrived = base + 64;

  start_dependents();
  if (threadIdx.x == 0) {
    mine = slice_of(p, rank, head_dim, sizeof(T));
    for (int i = 0; i < stages; ++i) {
      init_barrier(full + 8 * i, 1);
      init_barrier(freed + 8 * i, warps);
      init_barrier(arrived + 8 * i, 1);
    }
    publish_barriers();
    for (int i = 0; i < stages; ++i) arrive_expecting(arrived + 8 * i, p.exchanged[i]);
  }
  cluster_sync();

  if (warp >= warps) {
    fewer_registers<producer_registers>();
    if (threadIdx.x == consumers) stream_weights<T, head_dim>(p, mine, rank, ring, full, freed);
    __syncwarp();
  } else {
    more_registers<consumer_registers>();
    prefetch_caches<T>(p, rank);
    wait_for_inputs();
    const Text text = text_of(p);
    const int position = text.position;
    T *h = shared_at<T>(shared, at.h), *middle = shared_at<T>(shared, at.middle), *qkv = shared_at<T>(shared, at.qkv);
    float *partial[2] = {shared_at<float>(shared, at.partial[0]), shared_at<float>(shared, at.partial[1])},
          *sums[2] = {shared_at<float>(shared, at.sums[0]), shared_at<float>(shared, at.sums[1])},
          *cosines = shared_at<float>(shared, at.cosines);
    if (p.cosines && threadIdx.x < head_dim) {
      constexpr int half = head_dim / 2;
      const int64_t row = min(position, p.rope_positions - 1), i = threadIdx.x % half;
      cosines[threadIdx.x] = (threadIdx.x < half ? p.cosines : p.sines)[row * half + i];
    }
    sum_inputs(p, h);
    sync_consumers();

    uint32_t start = 0;
    const auto next_stage = [&](int stage) {
      start += mine.bytes[stage];
      if (start >= ring.bytes) start -= ring.bytes;
    };
    const auto receive = [&](int stage, int l) {
      wait(arrived + 8 * stage, l & 1);
      if (threadIdx.x == 0 && l + 1 < p.layers) arrive_expecting(arrived + 8 * stage, p.exchanged[stage]);
    };
    const auto product = [&](int stage, int l, int tiles, int row_bytes, uint32_t x, auto&& ready) {
      wait(full + 8 * stage, l & 1);
      multiply<T>(ring, start, tiles, mine.splits[stage], row_bytes, x, partial[stage % 2], freed + 8 * stage, ready);
      sync_consumers();
      next_stage(stage);
    };
    const int D_bytes = p.D * static_cast<int>(sizeof(T)), inner_bytes = p.inner * static_cast<int>(sizeof(T)),
              I_bytes = p.I * static_cast<int>(sizeof(T));
    const auto norm = [&](int which, T* to, int l) {
      receive(which == 0 ? 1 : 3, l);
      rms_norm(sums[which], to, p.D, p.eps);
      sync_consumers();
    };
    /// Sums under a norm: the products of the block's rows and the residual, to block `warp` of the cluster.
    const auto send_sums = [&](int which, const T* residual) {
      if (warp >= p.cluster) return;
      const int stage = which == 0 ? 1 : 3;
      const uint32_t to = address_in(base + at.sums[which], warp), barrier = address_in(arrived + 8 * stage, warp);
#pragma unroll 1
      for (int first = 0; first < mine.rows; first += warp_size) {
        const int i = first + lane;
        float s = 0;
        if (i < mine.rows) {
#pragma unroll 2
          for (int split = 0; split < mine.splits[stage]; ++split) s += partial[1][split * mine.rows + i];
          s += to_float(residual[place<T>(mine.first_row + i)]);
        }
        send_words(to + 4 * (mine.first_row + i), __float_as_uint(s), i < mine.rows, false, barrier);
      }
    };

    const int past = mine.heads > 0 ? position : 0;  // keys of the block's first head, taken to registers early
#pragma unroll 1
    for (int l = 0; l < p.layers; ++l) {
      const Layer& layer = p.layer[l];
      Keys<T, head_dim> held;
      held.load(held.k, layer.keys, text.first_key, p.inner, rank, 0, past);
      product(0, l, mine.heads * 3 * head_dim / 8, D_bytes, base + at.h, [&] {
        if (l > 0) norm(1, h, l - 1);
      });
      held.load(held.v, layer.values, text.first_key, p.inner, rank, 0, past);
      if (mine.heads > 0) {
        finish_qkv(p, layer, mine, partial[0], cosines, qkv, head_dim, text);
        sync_consumers();
      }
#pragma unroll 1
      for (int head = 0; head < mine.heads; ++head) {
        const int global_head = rank + head * p.cluster;
        if (head > 0) {
          held.load(held.k, layer.keys, text.first_key, p.inner, global_head, 0, position);
          held.load(held.v, layer.values, text.first_key, p.inner, global_head, 0, position);
        }
        attend<T, head_dim>(held, layer, text.first_key, p.inner, global_head, position, p.score_scale,
                            qkv + head * 3 * head_dim, shared_at<float>(shared, at.parts));
        sync_consumers();
        if (warp < p.cluster)
          send_attended<T, head_dim>(shared_at<float>(shared, at.parts),
                                     address_in(base + at.attended, warp) + global_head * head_dim * sizeof(T),
                                     address_in(arrived, warp));
      }

      product(1, l, mine.rows / 8, inner_bytes, base + at.attended, [&] { receive(0, l); });
      send_sums(0, h);

      product(2, l, mine.hidden / 4, D_bytes, base + at.middle, [&] { norm(0, middle, l); });
      if (warp < p.cluster)
        send_hidden<T>(partial[0], mine, address_in(base + at.hidden, warp), address_in(arrived + 16, warp));

      product(3, l, mine.rows / 8, I_bytes, base + at.hidden, [&] { receive(2, l); });
      send_sums(1, middle);
    }
    norm(1, h, p.layers - 1);
    if (rank == 0)
      for (int i = threadIdx.x; i < p.D; i += consumers)
        static_cast<T*>(p.y)[int64_t{blockIdx.y} * p.D + i] = h[place<T>(i)];
  }
  cluster_sync();  // no block leaves while another may write to it
#endif
}

// ---- the host's side

struct Model {
  int D, inner, I, heads, head_dim, element;
};

constexpr int most_shared = 227 * 1024;

/// Places everything in shared memory for clusters of `cluster`; false where the ring would not hold a stage.
bool place(const Model& m, int cluster, Params& p) {
  p.cluster = cluster;
  p.D = m.D;
  p.inner = m.inner;
  p.I = m.I;
  p.heads = m.heads;
  uint32_t end = 256;
  const auto take = [&](int bytes) {
    const uint32_t from = end;
    end += (static_cast<uint32_t>(bytes) + 255) / 256 * 256;
    return from;
  };
  uint32_t largest = 0, rows[2] = {};
  for (int rank = 0; rank < cluster; ++rank) {
    const Slice slice = slice_of(p, rank, m.head_dim, static_cast<size_t>(m.element));
    for (int i = 0; i < stages; ++i) largest = std::max(largest, slice.bytes[i]);
    const int counts[stages] = {slice.heads * 3 * m.head_dim, slice.rows, 2 * slice.hidden, slice.rows};
    for (int i = 0; i < stages; ++i)
      rows[i % 2] = std::max(rows[i % 2], static_cast<uint32_t>(counts[i] * slice.splits[i]));
  }
  p.at.attended = take(m.inner * m.element);
  p.at.hidden = take(m.I * m.element);
  p.at.h = take(m.D * m.element);
  p.at.middle = take(m.D * m.element);
  for (int i = 0; i < 2; ++i) p.at.sums[i] = take(m.D * 4);
  for (int i = 0; i < 2; ++i) p.at.partial[i] = take(static_cast<int>(rows[i]) * 4);
  p.at.qkv = take((m.heads + cluster - 1) / cluster * 3 * m.head_dim * m.element);
  p.at.parts = take(warps * (m.head_dim + 2) * 4);
  p.at.cosines = take(m.head_dim * 4);
  p.at.ring = end;
  p.ring_bytes = end < most_shared ? (most_shared - end) / 256 * 256 : 0;
  p.exchanged[0] = static_cast<uint32_t>(m.inner * m.element);
  p.exchanged[1] = p.exchanged[3] = static_cast<uint32_t>(m.D * 4);
  p.exchanged[2] = static_cast<uint32_t>(m.I * m.element);
  return largest <= p.ring_bytes;
}

using Kernel = void (*)(Params);

template <class T>
Kernel kernel_for(int head_dim) {
  switch (head_dim) {
    case 32:
      return cached_level_kernel<T, 32>;
    case 64:
      return cached_level_kernel<T, 64>;
    case 128:
      return cached_level_kernel<T, 128>;
    default:
      return nullptr;
  }
}

struct Launch {
  cudaLaunchConfig_t config{};
  cudaLaunchAttribute attributes[2]{};
  Launch(const Context& context, int cluster, int64_t rows, bool overlapped) {
    config.gridDim = dim3(static_cast<unsigned>(cluster), static_cast<unsigned>(rows));
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = most_shared;
    config.stream = context.stream;
    attributes[0].id = cudaLaunchAttributeClusterDimension;
    attributes[0].val.clusterDim = {static_cast<unsigned>(cluster), 1, 1};
    attributes[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attributes[1].val.programmaticStreamSerializationAllowed = 1;
    config.attrs = attributes;
    config.numAttrs = overlapped ? 2 : 1;
  }
};

/// The largest cluster that this GPU places: 16 blocks, or 8, which every Hopper GPU has; 0: none.
int cluster_size(const Context& context, Kernel kernel) {
  static std::mutex mutex;
  static auto* known = new std::map<std::pair<int, Kernel>, int>;
  const std::lock_guard lock(mutex);
  const auto [found, unknown] = known->try_emplace({context.index, kernel}, 0);
  if (!unknown) return found->second;
  TRM_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most_shared));
  TRM_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
  for (const int size : {most_cluster, most_cluster / 2}) {
    const Launch launch(context, size, 1, false);
    int clusters = 0;
    if (cudaOccupancyMaxActiveClusters(&clusters, kernel, &launch.config) == cudaSuccess && clusters > 0)
      return found->second = size;
    (void)cudaGetLastError();
  }
  return 0;
}

struct Plan {
  Kernel kernel = nullptr;
  Params params{};
};

/// What would serve a level; without a kernel where nothing does.
Plan make_plan(const Context& context, const std::vector<Tensor>& inputs, const std::vector<CachedBlock>& blocks,
               int heads) {
  Plan plan;
  const CachedBlock& first = blocks.front();
  const Tensor& x = inputs.front();
  const auto inner = static_cast<int>(first.o_proj.in());
  const Model m{
      static_cast<int>(x.size(-1)),        inner, static_cast<int>(first.down_proj.in()), heads, inner / heads,
      static_cast<int>(size_of(x.dtype()))};
  for (const CachedBlock& b : blocks)
    for (const Tensor& t :
         {b.qkv_proj.value, b.o_proj.value, b.gate_up_proj.value, b.down_proj.value, b.k_cache, b.v_cache})
      if (!aligned16(t)) return plan;
  if (!context.hopper() || m.D % 128 != 0 || m.inner % 128 != 0 || m.I % 128 != 0 || m.D > 4096 || m.I > 16384)
    return plan;
  const Kernel kernel =
      x.dtype() == DType::bfloat16 ? kernel_for<__nv_bfloat16>(m.head_dim) : kernel_for<float>(m.head_dim);
  const int cluster = kernel ? cluster_size(context, kernel) : 0;
  if (cluster > 0 && place(m, cluster, plan.params)) plan.kernel = kernel;
  return plan;
}

void cached_level(const std::vector<Tensor>& inputs, const std::vector<CachedBlock>& blocks, const Tensor* cos,
                  const Tensor* sin, const Tensor& slots, const Tensor& positions, int heads, float eps, Tensor& y) {
  if (y.elements() == 0) return;
  Context& context = context_of(y);
  Plan plan = make_plan(context, inputs, blocks, heads);
  Params& p = plan.params;
  p.inputs = static_cast<int>(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) p.input[i] = inputs[i].address();
  p.y = y.address();
  p.slots = elements<int32_t>(slots);
  p.positions = elements<int32_t>(positions);
  p.cosines = cos ? elements<float>(*cos) : nullptr;
  p.sines = sin ? elements<float>(*sin) : nullptr;
  p.rope_positions = cos ? static_cast<int>(cos->size(0)) : 0;
  p.slot_count = static_cast<int>(blocks.front().k_cache.size(0));
  p.S = static_cast<int>(blocks.front().k_cache.size(1));
  p.eps = eps;
  p.score_scale = 1.44269504f / std::sqrt(static_cast<float>(p.inner / heads));  // scores are powers of two
  for (size_t first = 0; first < blocks.size(); first += most_layers) {
    p.layers = static_cast<int>(std::min<size_t>(blocks.size() - first, most_layers));
    for (int l = 0; l < p.layers; ++l) {
      const CachedBlock& b = blocks[first + static_cast<size_t>(l)];
      p.layer[l] = {b.qkv_proj.value.address(),  b.o_proj.value.address(), b.gate_up_proj.value.address(),
                    b.down_proj.value.address(), b.k_cache.address(),      b.v_cache.address()};
    }
    // Weights are read before the kernel before this one has ended: only where that one is a level too, which writes
    // none.
    const Launch launch(context, p.cluster, y.size(0), context.last_level == launches());
    check(cudaLaunchKernelEx(&launch.config, plan.kernel, p), "cached_level");
    launched("cached_level");
    context.last_level = launches();
    p.inputs = 1;
    p.input[0] = y.address();
  }
}

const char* serves(const std::vector<Tensor>& inputs, const std::vector<CachedBlock>& blocks, const Tensor* const&,
                   const Tensor* const&, const Tensor&, const Tensor&, const int& heads, const float&,
                   const Tensor& y) {
  constexpr int64_t most_rows = 65535;  // of a grid
  if (y.size(1) != 1 || y.size(0) > most_rows || inputs.size() > most_inputs)
    return "one new position a row, up to three inputs";
  const Tensor& cache = blocks.front().k_cache;
  if (cache.size(0) * cache.size(1) > INT32_MAX) return "caches of at most 2³¹ positions";
  return make_plan(context_of(y), inputs, blocks, heads).kernel
             ? nullptr
             : "Hopper, widths that are multiples of 128, head_dim 32, 64 or 128";
}

}  // namespace

const Registration registration([] {
  kernels::cached_level.set(
      DeviceKind::cuda, cached_level, serves,
      "one new position a row on Hopper, widths that are multiples of 128, head_dim 32, 64 or 128");
});

}  // namespace trm::cuda
