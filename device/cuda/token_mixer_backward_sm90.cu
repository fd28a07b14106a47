// The backward of the token mixer: gate, up and hidden are computed again from x and never read from memory. As in
// token_mixer_sm90.cu a column d of an example is a row of the products. With X = x[b], S = ds[b], both [N, d]:
//   [g u]ᵀ = Xᵀ W_gate_upᵀ     dhᵀ = Sᵀ W_down     then dg, du, h     dxᵀ = Sᵀ + [dg du]ᵀ W_gate_up
// A block takes 128 columns, 64 a warpgroup; Xᵀ is held in registers as an operand, ds has two places, so that the next
// tile's inputs load meanwhile. The two blocks of a cluster share the chunks of the weights. [dg du] and h go to memory
// for the weight gradients (token_mixer_weights_sm90.cu).
#include "device/cuda/gemm_sm90.cuh"
#include "device/cuda/packed.h"
#include "device/cuda/token_mixer.h"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

using namespace sm90;

constexpr int widest = 104, k_steps = 7, n_box = 16 * k_steps, chunk = 64;
constexpr int threads = 3 * warpgroup, loader_registers = 24, multiplier_registers = 240;
constexpr int x_box_bytes = n_box * 128, x_bytes = 2 * x_box_bytes;  // 128 columns of x or ds
constexpr int gate_up_box_bytes = 2 * chunk * 128, down_bytes = n_box * 128,
              stage_bytes = 2 * gate_up_box_bytes + down_bytes, stages = 2;
constexpr int gradient_bytes = 64 * 2 * chunk * 2,
              staging_bytes = gradient_bytes + 64 * chunk * 2;  // [dg du] and h of one warpgroup; dx at the end
constexpr int ds_at = x_bytes, weights_at = 3 * x_bytes, staging_at = weights_at + stages * stage_bytes,
              barriers_at = staging_at + 2 * staging_bytes;
constexpr size_t shared_bytes = 1024 + barriers_at + 8 * (2 * stages + 5);
constexpr int64_t most_scratch_bytes = int64_t{1536} << 20;
static_assert(stage_bytes % 1024 == 0 && shared_bytes <= 232448 && widest * 128 <= gradient_bytes);

struct Maps {
  CUtensorMap x, ds, gate_up, down, dx, d_gate_up, h;
};

struct Shape {
  int tiles, column_tiles, chunks;  // of 256 columns: a cluster's
};

#if defined(TRM_SM90A)

/// Columns of a box [positions, 64 columns] as an operand whose rows they are.
__device__ __forceinline__ void load_operand(uint32_t (&a)[k_steps][4], uint32_t box, int warp, int lane) {
#pragma unroll
  for (int i = 0; i < k_steps; ++i) load_tiles_transposed(transposed_tile_address(box, 16 * i, 2 * warp, lane), a[i]);
}

/// Gradient through silu(gate) ∘ up for the group of 8 hidden rows p: [dg du] into `d` as an operand of dx, h into
/// `out`.
__device__ __forceinline__ void swiglu_gradient(const float* gate, const float* up, const float* dh, uint32_t (&d)[4],
                                                uint32_t& low, uint32_t& high) {
  float dg[4], du[4], h[4];
#pragma unroll
  for (int r = 0; r < 4; ++r) {
    const float s = fast_sigmoid(gate[r]), silu = gate[r] * s;
    dg[r] = dh[r] * up[r] * s * (1.0f + gate[r] * (1.0f - s));
    du[r] = dh[r] * silu;
    h[r] = silu * up[r];
  }
  d[0] = pair(dg[0], dg[1]);
  d[1] = pair(dg[2], dg[3]);
  d[2] = pair(du[0], du[1]);
  d[3] = pair(du[2], du[3]);
  low = pair(h[0], h[1]);
  high = pair(h[2], h[3]);
}

#endif

__global__ __launch_bounds__(threads, 1) void token_mixer_backward_kernel(const __grid_constant__ Maps maps,
                                                                          Shape shape) {
#if defined(TRM_SM90A)
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + barriers_at, rank = cluster_rank();
  const auto weights = [&](int stage) { return base + weights_at + stage * stage_bytes; };
  const auto full = [&](int stage) { return barriers + 8 * stage; };
  const auto empty = [&](int stage) { return barriers + 8 * (stages + stage); };
  const auto inputs_there = [&](int turn) { return barriers + 8 * (2 * stages + turn); };
  const auto ds_free = [&](int turn) { return barriers + 8 * (2 * stages + 2 + turn); };
  const auto ds_box = [&](int turn, int box) { return base + ds_at + turn * x_bytes + box * x_box_bytes; };
  const uint32_t x_free = barriers + 8 * (2 * stages + 4);
  if (threadIdx.x == 0) {
    for (int i = 0; i < stages; ++i) {
      init_barrier(full(i), 1);
      init_barrier(empty(i), 4);  // two warpgroups of each of two blocks
    }
    for (int i = 0; i < 2; ++i) {
      init_barrier(inputs_there(i), 1);
      init_barrier(ds_free(i), 2);
    }
    init_barrier(x_free, 2);
    publish_barriers();
  }
  cluster_sync();
  const int first = static_cast<int>(blockIdx.x) / 2, step = static_cast<int>(gridDim.x) / 2;
  const auto column_of = [&](int tile) { return tile % shape.column_tiles * 256 + static_cast<int>(rank) * 128; };

  if (threadIdx.x < warpgroup) {
    fewer_registers<loader_registers>();
    if (threadIdx.x == 0) {
      const auto load_inputs = [&](int tile, int turn) {
        const uint32_t there = inputs_there(turn);
        arrive_expecting(there, 2 * x_bytes);
        for (int box = 0; box < 2; ++box) {
          load_3d(base + box * x_box_bytes, maps.x, column_of(tile) + 64 * box, 0, tile / shape.column_tiles, there);
          load_3d(ds_box(turn, box), maps.ds, column_of(tile) + 64 * box, 0, tile / shape.column_tiles, there);
        }
      };
      int stage = 0, count = 0;
      uint32_t phase = 0;
      if (first < shape.tiles) load_inputs(first, 0);
      for (int tile = first; tile < shape.tiles; tile += step, ++count)
        for (int c = 0; c < shape.chunks; ++c) {
          wait(empty(stage), phase ^ 1);
          arrive_expecting(full(stage), stage_bytes);
          const uint32_t to = weights(stage);
          const auto half = static_cast<int>(rank);
          load_2d_both(to + rank * gate_up_box_bytes, maps.gate_up, 64 * half, c * 2 * chunk, full(stage));
          load_2d_both(to + 2 * gate_up_box_bytes + rank * (down_bytes / 2), maps.down, c * chunk, half * (n_box / 2),
                       full(stage));
          if (++stage == stages) {
            stage = 0;
            phase ^= 1;
          }
          if (c == 0 && tile + step < shape.tiles) {
            const int next = count + 1, turn = next % 2;
            wait(x_free, count & 1);
            if (next >= 2) wait(ds_free(turn), (next / 2 - 1) & 1);
            load_inputs(tile + step, turn);
          }
        }
    }
  } else {
    more_registers<multiplier_registers>();
    const int group = threadIdx.x / warpgroup - 1, thread = threadIdx.x % warpgroup, lane = thread % warp_size,
              warp = thread / warp_size;
    const uint32_t staging = base + staging_at + group * staging_bytes;
    int stage = 0, count = 0;
    uint32_t phase = 0;
    uint32_t x[k_steps][4], d[chunk / 8][4];
    float gate_up[chunk], dh[chunk / 2], dx[widest / 2];
    for (int tile = first; tile < shape.tiles; tile += step, ++count) {
      const int b = tile / shape.column_tiles, column = column_of(tile) + 64 * group, turn = count % 2;
      const uint32_t ds = ds_box(turn, group);
      wait(inputs_there(turn), (count / 2) & 1);
      load_operand(x, ds, warp, lane);
#pragma unroll
      for (int j = 0; j < widest / 8; ++j)  // dx begins as ds
#pragma unroll
        for (int r = 0; r < 2; ++r) {
          dx[4 * j + 2 * r] = low_of(x[j / 2][2 * (j % 2) + r]);
          dx[4 * j + 2 * r + 1] = high_of(x[j / 2][2 * (j % 2) + r]);
        }
      load_operand(x, base + group * x_box_bytes, warp, lane);
      sync_group(1 + group);
      if (thread == 0) arrive(x_free);
      for (int c = 0; c < shape.chunks; ++c) {
        wait(full(stage), phase);
        const uint64_t up_rows = descriptor(weights(stage)),
                       down_rows = descriptor(weights(stage) + 2 * gate_up_box_bytes);
        products_begin();
#pragma unroll
        for (int i = 0; i < k_steps; ++i) {
          const uint64_t b = up_rows + gate_up_box_bytes / 16 * (i / 4) + 2 * (i % 4);
          if (i == 0)
            Wgmma<2 * chunk>::start<0>(gate_up, x[i], b);
          else
            Wgmma<2 * chunk>::run<0>(gate_up, x[i], b, 1);
        }
#pragma unroll
        for (int i = 0; i < k_steps; ++i)
          if (i == 0)
            Wgmma<chunk>::start<1, 1>(dh, descriptor(ds), down_rows);
          else
            Wgmma<chunk>::run<1, 1>(dh, descriptor(ds) + 128 * i, down_rows + 128 * i, 1);
        products_commit();
        if (thread == 0) wait_stores_read();
        products_wait<0>();
        pin(gate_up);
        pin(dh);
        sync_group(1 + group);  // the staging memory is free
#pragma unroll
        for (int p = 0; p < chunk / 8; p += 2) {
          uint32_t h[4];
#pragma unroll
          for (int i = 0; i < 2; ++i) {
            swiglu_gradient(gate_up + 8 * (p + i), gate_up + 8 * (p + i) + 4, dh + 4 * (p + i), d[p + i], h[2 * i],
                            h[2 * i + 1]);
            store_tiles(tile_address(staging + (p + i) / 4 * 8192, 16 * warp, 2 * (p + i) % 8, lane), d[p + i][0],
                        d[p + i][1], d[p + i][2], d[p + i][3]);
          }
          store_tiles(tile_address(staging + gradient_bytes, 16 * warp, p, lane), h[0], h[1], h[2], h[3]);
        }
        products_begin();
        const uint64_t up_columns = wide_descriptor(weights(stage), gate_up_box_bytes);
#pragma unroll
        for (int p = 0; p < chunk / 8; ++p) Wgmma<widest>::run<1>(dx, d[p], up_columns + 128 * p, 1);
        products_commit();
        fence_async();
        sync_group(1 + group);
        if (thread == 0) {
          for (int box = 0; box < 2; ++box)
            store_3d(maps.d_gate_up, 2 * chunk * c + 64 * box, column, b, staging + box * 8192);
          store_3d(maps.h, chunk * c, column, b, staging + gradient_bytes);
          commit_stores();
        }
        products_wait<0>();
        pin(dx);
        if (thread < 2) arrive_in(empty(stage), thread);
        if (++stage == stages) {
          stage = 0;
          phase ^= 1;
        }
      }
      pin(dx);
      if (thread == 0) {
        arrive(ds_free(turn));
        wait_stores_read();
      }
      sync_group(1 + group);
#pragma unroll
      for (int j = 0; j < widest / 8; j += 2) {
        const auto value = [&](int i) { return pair(dx[4 * j + 2 * i], dx[4 * j + 2 * i + 1]); };
        if (j + 1 < widest / 8)
          store_tiles_transposed(transposed_tile_address(staging, 8 * j, 2 * warp, lane), value(0), value(1), value(2),
                                 value(3));
        else
          store_tiles_transposed(transposed_tile_address(staging, 8 * j, 2 * warp, lane % 16), value(0), value(1));
      }
      fence_async();
      sync_group(1 + group);
      if (thread == 0) {
        store_3d(maps.dx, column, 0, b, staging);
        commit_stores();
      }
    }
    if (thread == 0) wait_stores();
  }
  __syncwarp();
  cluster_sync();  // neither block leaves while the other may still write to it
#endif
}

void token_mixer_backward(const Tensor& ds, const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj,
                          Tensor& dx, Tensor* d_gate_up_proj, Tensor* d_down_proj) {
  const int64_t B = x.size(0), N = x.size(1), D = x.size(2), O = gate_up_proj.out(), I = down_proj.in();
  if (x.elements() == 0) return;
  Context& context = context_of(x);
  const View w = interleaved(context, gate_up_proj);
  const int64_t some = std::clamp<int64_t>(most_scratch_bytes / (3 * I * D * 2), 1, B);
  const Tensor d_gate_up = Tensor::empty({some, D, O}, x.dtype(), x.device()),
               h = Tensor::empty({some, D, I}, x.dtype(), x.device());
  // dx may take the place of ds, which the weight gradients still need
  const bool aliased = dx.address() == ds.address() && d_down_proj;
  const Tensor kept = aliased ? Tensor::empty({some, N, D}, x.dtype(), x.device()) : Tensor();
  for (int64_t first = 0; first < B; first += some) {
    const int64_t count = std::min(some, B - first);
    const Tensor part_x = x.rows(first, count), part_dx = dx.rows(first, count);
    Tensor part_ds = ds.rows(first, count);
    if (aliased) {
      const Tensor copy = kept.rows(0, count);
      copy.copy_from(part_ds);
      part_ds = copy;
    }
    const auto batched = [&](const Tensor& t, int64_t rows) {
      return make_tensor_map(t.address(), {D, N, count}, {D * 2, N * D * 2}, {64, rows, 1});
    };
    const auto scratch = [&](const Tensor& t, int64_t width) {
      return make_tensor_map(t.address(), {width, D, count}, {width * 2, D * width * 2}, {64, 64, 1});
    };
    const Maps maps{batched(part_x, n_box),
                    batched(part_ds, n_box),
                    make_matrix_map(w.data, O, w.ld, w.ld, 2 * chunk),
                    make_matrix_map(down_proj.value.address(), N, I, I, n_box / 2),
                    batched(part_dx, widest),
                    scratch(d_gate_up, O),
                    scratch(h, I)};
    const auto column_tiles = static_cast<int>((D + 255) / 256);
    const Shape shape{static_cast<int>(count) * column_tiles, column_tiles, static_cast<int>(I / chunk)};
    launch_pairs(context, "token_mixer_backward", token_mixer_backward_kernel, int64_t{shape.tiles}, threads,
                 shared_bytes, maps, shape);
    add_token_mixer_weight_gradients(d_gate_up.rows(0, count), h.rows(0, count), part_x, part_ds, d_gate_up_proj,
                                     d_down_proj);
  }
}

const char* serves(const Tensor& ds, const Tensor& x, const Weight& gate_up_proj, const Weight& down_proj,
                   const Tensor& dx, Tensor* const&, Tensor* const&) {
  const int64_t D = x.size(2);
  return mappable(ds.address(), D) && mappable(dx.address(), D) ? token_mixer_serves(x, gate_up_proj, down_proj)
                                                                : "aligned rows only";
}

}  // namespace

const Registration registration([] {
  kernels::token_mixer_backward.set(DeviceKind::cuda, token_mixer_backward, serves,
                                    "bfloat16 on Hopper, 65 to 104 positions", Dtypes::bfloat16);
});

}  // namespace trm::cuda
