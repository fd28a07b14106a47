// The token mixer with its hidden kept on chip: y = rms_norm over N of (x + W_down (silu(g) ∘ u)), [g; u] = W_gate_up
// x, of [B, N, D] with N up to 104.
//
// A block takes 256 columns d of one example; a column is a row of the products, so that everything is a row's
// business: with X = x[b] [N, d]
//   [g u]ᵀ [d, 2·64] = Xᵀ W_gate_upᵀ   A = Xᵀ straight from x's tile (M contiguous), W in chunks of 64 gate and 64 up
//   rows, interleaved (packed.h) sᵀ [d, N] += hᵀ [d, 64] W_downᵀ     A = h out of registers: the accumulator's layout
//   is that of an operand
// and the norm over N is over a row of the accumulator. Two warpgroups multiply, each two times 64 columns; one loads:
// the chunks of both weights by turns (from the L2 cache), and the next tile of x. y takes x's place in shared memory
// on its way out.
#include "device/cuda/gemm_sm90.cuh"
#include "device/cuda/packed.h"
#include "device/cuda/token_mixer.h"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

using namespace sm90;

constexpr int widest = 104, k_steps = 7, n_box = 16 * k_steps;  // N is padded to 104 as columns, to 112 as K
constexpr int chunk = 64;                                       // hidden rows at a time
constexpr int blocks_of_columns = 4;                            // of 64, in a tile
constexpr int threads = 3 * warpgroup, loader_registers = 40, multiplier_registers = 232;
constexpr int x_box_bytes = n_box * 128, x_bytes = blocks_of_columns * x_box_bytes;
constexpr int gate_up_box_bytes = 2 * chunk * 128, down_bytes = widest * 128,
              stage_bytes = 2 * gate_up_box_bytes + down_bytes;
constexpr int stages = 2;
constexpr int weights_at = 2 * x_bytes, barriers_at = weights_at + stages * stage_bytes;
constexpr size_t shared_bytes = 1024 + barriers_at + 8 * (2 * stages + 4);
static_assert(x_box_bytes % 1024 == 0 && stage_bytes % 1024 == 0 && shared_bytes <= 232448);

struct Maps {
  CUtensorMap x, gate_up, down, y;
};

struct Shape {
  int tiles, column_tiles, chunks, D;  // tiles = B · column_tiles
  float inverse_n, eps;
  float* rstd;  // [B, D], null: not wanted
};

#if defined(TRM_SM90A)

struct Hidden {
  uint32_t a[4][4];  // four steps of K = 16
};

/// h = silu(gate) ∘ up, out of accumulators whose 8-column groups are gate, up, gate, ...
__device__ __forceinline__ void apply_swiglu(const float (&d)[64], Hidden& h) {
#pragma unroll
  for (int step = 0; step < 4; ++step)
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float* gate = d + 16 * step + 8 * (i / 2) + 2 * (i % 2);
      h.a[step][i] = pair(gate[0] * fast_sigmoid(gate[0]) * gate[4], gate[1] * fast_sigmoid(gate[1]) * gate[5]);
    }
}

/// s += x, then y = s · rsqrt(mean(s²) + eps) takes x's place: a box [112 positions, 64 columns]. b, column: of the
/// box's first column.
__device__ __forceinline__ void finish(float (&s)[widest / 2], uint32_t box, const Shape& shape, int b, int column,
                                       int warp, int lane) {
  float square[2] = {0, 0};
  const auto add = [&](float& to, float x, int row) {
    to += x;
    square[row] += to * to;
  };
#pragma unroll
  for (int j = 0; j < widest / 8; j += 2) {
    if (j + 1 < widest / 8) {
      uint32_t x[4];
      load_tiles_transposed(transposed_tile_address(box, 8 * j, 2 * warp, lane), x);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        add(s[4 * j + 2 * i], low_of(x[i]), i % 2);
        add(s[4 * j + 2 * i + 1], high_of(x[i]), i % 2);
      }
    } else {
      uint32_t x[2];
      load_tiles_transposed(transposed_tile_address(box, 8 * j, 2 * warp, lane % 16), x);
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        add(s[4 * j + 2 * i], low_of(x[i]), i);
        add(s[4 * j + 2 * i + 1], high_of(x[i]), i);
      }
    }
  }
  float scale[2];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    square[i] += __shfl_xor_sync(all_lanes, square[i], 1);
    square[i] += __shfl_xor_sync(all_lanes, square[i], 2);
    scale[i] = rsqrtf(square[i] * shape.inverse_n + shape.eps);
    const int d = column + 16 * warp + 8 * i + lane / 4;
    if (shape.rstd && lane % 4 == 0 && d < shape.D) shape.rstd[int64_t{b} * shape.D + d] = scale[i];
  }
#pragma unroll
  for (int j = 0; j < widest / 8; j += 2) {
    const auto y = [&](int i) { return pair(s[4 * j + 2 * i] * scale[i % 2], s[4 * j + 2 * i + 1] * scale[i % 2]); };
    if (j + 1 < widest / 8)
      store_tiles_transposed(transposed_tile_address(box, 8 * j, 2 * warp, lane), y(0), y(1), y(2), y(3));
    else
      store_tiles_transposed(transposed_tile_address(box, 8 * j, 2 * warp, lane % 16), y(0), y(1));
  }
}

#endif

__global__ __launch_bounds__(threads, 1) void token_mixer_kernel(const __grid_constant__ Maps maps, Shape shape) {
#if defined(TRM_SM90A)
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + barriers_at;
  const auto weights = [&](int stage) { return base + weights_at + stage * stage_bytes; };
  const auto full = [&](int stage) { return barriers + 8 * stage; };
  const auto empty = [&](int stage) { return barriers + 8 * (stages + stage); };
  const auto x_there = [&](int turn) { return barriers + 8 * (2 * stages + turn); };
  const auto x_free = [&](int turn) { return barriers + 8 * (2 * stages + 2 + turn); };
  if (threadIdx.x == 0) {
    for (int i = 0; i < stages; ++i) {
      init_barrier(full(i), 1);
      init_barrier(empty(i), 2);
    }
    for (int i = 0; i < 2; ++i) {
      init_barrier(x_there(i), 1);
      init_barrier(x_free(i), 2);
    }
    publish_barriers();
  }
  __syncthreads();
  const int first = static_cast<int>(blockIdx.x), step = static_cast<int>(gridDim.x);
  const auto column_of = [&](int tile) { return tile % shape.column_tiles * 64 * blocks_of_columns; };

  if (threadIdx.x < warpgroup) {
    fewer_registers<loader_registers>();
    if (threadIdx.x == 0) {
      const auto load_x = [&](int tile, int turn) {
        arrive_expecting(x_there(turn), x_bytes);
        for (int box = 0; box < blocks_of_columns; ++box)
          load_3d(base + turn * x_bytes + box * x_box_bytes, maps.x, column_of(tile) + 64 * box, 0,
                  tile / shape.column_tiles, x_there(turn));
      };
      int stage = 0, count = 0;
      uint32_t phase = 0;
      if (first < shape.tiles) load_x(first, 0);
      for (int tile = first; tile < shape.tiles; tile += step, ++count)
        for (int c = 0; c < shape.chunks; ++c) {
          wait(empty(stage), phase ^ 1);
          arrive_expecting(full(stage), stage_bytes);
          const uint32_t to = weights(stage);
          load_2d(to, maps.gate_up, 0, c * 2 * chunk, full(stage));
          load_2d(to + gate_up_box_bytes, maps.gate_up, 64, c * 2 * chunk, full(stage));
          load_2d(to + 2 * gate_up_box_bytes, maps.down, c * chunk, 0, full(stage));
          if (++stage == stages) {
            stage = 0;
            phase ^= 1;
          }
          if (c == min(1, shape.chunks - 1) &&
              tile + step < shape.tiles) {  // the next x, where the last tile's y has gone out
            const int next = count + 1, turn = next % 2;
            if (next >= 2) wait(x_free(turn), ((next / 2) - 1) & 1);
            load_x(tile + step, turn);
          }
        }
    }
  } else {
    more_registers<multiplier_registers>();
    const int group = threadIdx.x / warpgroup - 1, thread = threadIdx.x % warpgroup, lane = thread % warp_size,
              warp = thread / warp_size;
    int stage = 0, count = 0;
    uint32_t phase = 0;
    float hidden[64], s0[widest / 2], s1[widest / 2];
    Hidden h0, h1;
    for (int tile = first; tile < shape.tiles; tile += step, ++count) {
      const int turn = count % 2;
      const uint32_t x = base + turn * x_bytes + group * 2 * x_box_bytes;
      const auto multiply_up = [&](uint32_t box) {  // [g u]ᵀ of 64 columns
        const uint64_t a = descriptor(box), b = descriptor(weights(stage));
#pragma unroll
        for (int i = 0; i < k_steps; ++i)
          Wgmma<2 * chunk>::run<1, 0>(hidden, a + 128 * i, b + gate_up_box_bytes / 16 * (i / 4) + 2 * (i % 4), i > 0);
      };
      const auto multiply_down = [&](float(&s)[widest / 2], const Hidden& h, int at, bool add) {
        const uint64_t b = descriptor(weights(at) + 2 * gate_up_box_bytes);
#pragma unroll
        for (int i = 0; i < chunk / 16; ++i) Wgmma<widest>::run<0>(s, h.a[i], b + 2 * i, add || i > 0);
      };
      wait(x_there(turn), (count / 2) & 1);
      wait(full(stage), phase);
      products_begin();
      multiply_up(x);
      products_commit();
      for (int c = 0; c < shape.chunks; ++c) {
        products_wait<0>();
        pin(hidden);
        if (c == 0 && count > 0 && thread == 0) {  // the last tile's y
          wait_stores_read();
          arrive(x_free(turn ^ 1));
        }
        if (c > 0 && thread == 0) arrive(empty(stage ^ 1));
        apply_swiglu(hidden, h0);
        pin(hidden);
        products_begin();
        multiply_down(s0, h0, stage, c > 0);
        multiply_up(x + x_box_bytes);
        products_commit();
        products_wait<0>();
        pin(hidden);
        apply_swiglu(hidden, h1);
        pin(hidden);
        const int now = stage;
        stage ^= 1;
        phase ^= stage == 0;
        if (c + 1 < shape.chunks) wait(full(stage), phase);
        products_begin();
        multiply_down(s1, h1, now, c > 0);
        if (c + 1 < shape.chunks) multiply_up(x);
        products_commit();
      }
      products_wait<0>();
      pin(s0);
      pin(s1);
      if (thread == 0) arrive(empty(stage ^ 1));
      const int b = tile / shape.column_tiles, column = column_of(tile) + 128 * group;
      finish(s0, x, shape, b, column, warp, lane);
      finish(s1, x + x_box_bytes, shape, b, column + 64, warp, lane);
      fence_async();
      sync_group(1 + group);
      if (thread == 0) {
        for (int box = 0; box < 2; ++box) store_3d(maps.y, column + 64 * box, 0, b, x + box * x_box_bytes);
        commit_stores();
      }
    }
    if (thread == 0) wait_stores();
  }
#endif
}

void run(const char* op, const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, float eps, Tensor& y,
         Tensor* rstd) {
  const int64_t B = x.size(0), N = x.size(1), D = x.size(2), O = gate_up_proj.out(), I = down_proj.in();
  if (y.elements() == 0) return;
  Context& context = context_of(x);
  const View w = interleaved(context, gate_up_proj);
  const auto batched = [&](const Tensor& t) {
    return make_tensor_map(t.address(), {D, N, B}, {D * 2, N * D * 2}, {64, n_box, 1});
  };
  const Maps maps{batched(x), make_matrix_map(w.data, O, w.ld, w.ld, 2 * chunk),
                  make_matrix_map(down_proj.value.address(), N, I, I, widest), batched(y)};
  const auto column_tiles = static_cast<int>((D + 64 * blocks_of_columns - 1) / (64 * blocks_of_columns));
  const Shape shape{static_cast<int>(B) * column_tiles,
                    column_tiles,
                    static_cast<int>(I / chunk),
                    static_cast<int>(D),
                    1.0f / static_cast<float>(N),
                    eps,
                    rstd ? elements<float>(*rstd) : nullptr};
  TRM_CUDA(cudaFuncSetAttribute(token_mixer_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                static_cast<int>(shared_bytes)));
  token_mixer_kernel<<<std::min(shape.tiles, context.multiprocessors), threads, shared_bytes, context.stream>>>(maps,
                                                                                                                shape);
  launched(op);
}

void token_mixer(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, float eps, Tensor& y) {
  run("token_mixer", x, gate_up_proj, down_proj, eps, y, nullptr);
}
void token_mixer_forward(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, float eps, Tensor& y,
                         Tensor& rstd) {
  run("token_mixer_forward", x, gate_up_proj, down_proj, eps, y, &rstd);
}

const char* serves(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, const float&,
                   const Tensor& y) {
  return mappable(y.address(), x.size(2)) ? token_mixer_serves(x, gate_up_proj, down_proj) : "aligned rows only";
}
const char* forward_serves(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj, const float& eps,
                           const Tensor& y, const Tensor&) {
  return serves(x, gate_up_proj, down_proj, eps, y);
}

}  // namespace

const char* token_mixer_serves(const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj) {
  const Context& context = context_of(x);
  if (!context.hopper() || x.dtype() != DType::bfloat16) return "bfloat16 on Hopper only";
  const View w = interleaved(context, gate_up_proj);
  if (!w || w.ld != 128 || down_proj.out() > widest || down_proj.in() % 256 != 0)
    return "packed weights of 65 to 104 positions only";
  if (!mappable(x.address(), x.size(2)) || !mappable(down_proj.value.address(), down_proj.in()))
    return "aligned rows only";
  return nullptr;
}

const Registration registration([] {
  constexpr const char* condition = "bfloat16 on Hopper, 65 to 104 positions";
  kernels::token_mixer.set(DeviceKind::cuda, token_mixer, serves, condition, Dtypes::bfloat16);
  kernels::token_mixer_forward.set(DeviceKind::cuda, token_mixer_forward, forward_serves, condition, Dtypes::bfloat16);
});

}  // namespace trm::cuda
