// Weight gradients of the token mixer: for [dg du] with x and for h with ds, Σ over all columns d of all examples of a
// [d, rows] · x[b] [N, d], so K = B · D. A block takes 256 rows (gate, up or hidden) and a part of the examples; parts
// are written out and added up in order.
#include "device/cuda/gemm_sm90.cuh"
#include "device/cuda/token_mixer.h"

namespace trm::cuda {
namespace {

using namespace sm90;

constexpr int widest = 104, rows_of_tile = 256, boxes = rows_of_tile / 64, stages = 4;
constexpr int threads = 3 * warpgroup, loader_registers = 40, multiplier_registers = 232;
constexpr int box_bytes = 64 * 128, positions_bytes = widest * 128, stage_bytes = boxes * box_bytes + positions_bytes;
constexpr size_t shared_bytes = 1024 + stages * stage_bytes + 16 * stages;
static_assert(stage_bytes % 1024 == 0);

struct Maps {
  CUtensorMap d_gate_up, h, x, ds;
};

struct Shape {
  int gate_up_tiles, row_tiles, splits, B, column_steps;  // row tiles: gate-up's, then hidden's
  float* parts;                                           // [splits, row_tiles · 256, widest]
};

__global__ __launch_bounds__(threads, 1) void weight_gradient_kernel(const __grid_constant__ Maps maps, Shape shape) {
#if defined(TRM_SM90A)
  extern __shared__ uint8_t memory[];
  const uint32_t base = aligned_shared(memory), barriers = base + stages * stage_bytes;
  const auto tile = [&](int stage) { return base + stage * stage_bytes; };
  const auto full = [&](int stage) { return barriers + 8 * stage; };
  const auto empty = [&](int stage) { return barriers + 8 * (stages + stage); };
  if (threadIdx.x == 0) {
    for (int i = 0; i < stages; ++i) {
      init_barrier(full(i), 1);
      init_barrier(empty(i), 2);
    }
    publish_barriers();
  }
  __syncthreads();
  const int row_tile = static_cast<int>(blockIdx.x) % shape.row_tiles,
            split = static_cast<int>(blockIdx.x) / shape.row_tiles;
  const int first = static_cast<int>(int64_t{shape.B} * split / shape.splits),
            last = static_cast<int>(int64_t{shape.B} * (split + 1) / shape.splits);
  const bool hidden = row_tile >= shape.gate_up_tiles;
  const int steps = (last - first) * shape.column_steps;
  if (threadIdx.x < warpgroup) {
    fewer_registers<loader_registers>();
    if (threadIdx.x == 0) {
      const CUtensorMap &rows = hidden ? maps.h : maps.d_gate_up, &positions = hidden ? maps.ds : maps.x;
      const int row = (hidden ? row_tile - shape.gate_up_tiles : row_tile) * rows_of_tile;
      for (int i = 0; i < steps; ++i) {
        const int stage = i % stages, column = i % shape.column_steps * 64, b = first + i / shape.column_steps;
        wait(empty(stage), (i / stages & 1) ^ 1);
        arrive_expecting(full(stage), stage_bytes);
        for (int box = 0; box < boxes; ++box)
          load_3d(tile(stage) + box * box_bytes, rows, row + 64 * box, column, b, full(stage));
        load_3d(tile(stage) + boxes * box_bytes, positions, column, 0, b, full(stage));
      }
    }
  } else {
    more_registers<multiplier_registers>();
    const int group = threadIdx.x / warpgroup - 1, thread = threadIdx.x % warpgroup, lane = thread % warp_size,
              warp = thread / warp_size;
    float d0[widest / 2] = {}, d1[widest / 2] = {};
    for (int i = 0; i < steps; ++i) {
      const int stage = i % stages;
      wait(full(stage), i / stages & 1);
      const uint64_t a = descriptor(tile(stage) + 2 * group * box_bytes),
                     b = descriptor(tile(stage) + boxes * box_bytes);
      products_begin();
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        Wgmma<widest>::run<1, 0>(d0, a + 128 * k, b + 2 * k, 1);
        Wgmma<widest>::run<1, 0>(d1, a + box_bytes / 16 + 128 * k, b + 2 * k, 1);
      }
      products_commit();
      if (i > 0) {
        products_wait<1>();
        if (thread == 0) arrive(empty((i - 1) % stages));
      }
    }
    products_wait<0>();
    pin(d0);
    pin(d1);
    float* to =
        shape.parts +
        ((int64_t{split} * shape.row_tiles + row_tile) * rows_of_tile + 128 * group + 16 * warp + lane / 4) * widest +
        2 * (lane % 4);
    const auto write = [&](const float(&d)[widest / 2], float* at) {
#pragma unroll
      for (int j = 0; j < widest / 8; ++j) {
        *reinterpret_cast<float2*>(at + 8 * j) = make_float2(d[4 * j], d[4 * j + 1]);
        *reinterpret_cast<float2*>(at + 8 * widest + 8 * j) = make_float2(d[4 * j + 2], d[4 * j + 3]);
      }
    };
    write(d0, to);
    write(d1, to + 64 * widest);
  }
#endif
}

/// Adds the parts in order: gradient [2I, N] of interleaved rows, or [N, I] of hidden rows.
__global__ void add_parts_kernel(const float* parts, int splits, int64_t part_size, int64_t rows, int64_t N,
                                 bool hidden, float* gradient) {
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= rows * N) return;
  const int64_t n = hidden ? i / rows : i % N, row = hidden ? i % rows : i / N, I = rows / 2;
  const int64_t source = hidden ? row : row < I ? row / 8 * 16 + row % 8 : (row - I) / 8 * 16 + 8 + row % 8;
  float sum = 0;
  for (int s = 0; s < splits; ++s) sum += parts[s * part_size + source * widest + n];
  gradient[i] += sum;
}

}  // namespace

void add_token_mixer_weight_gradients(const Tensor& d_gate_up, const Tensor& h, const Tensor& x, const Tensor& ds,
                                      Tensor* d_gate_up_proj, Tensor* d_down_proj) {
  if (!d_gate_up_proj && !d_down_proj) return;
  Context& context = context_of(x);
  const int64_t B = x.size(0), N = x.size(1), D = x.size(2), O = d_gate_up.size(2), I = h.size(2);
  const auto gate_up_tiles = static_cast<int>(O / rows_of_tile),
             row_tiles = gate_up_tiles + static_cast<int>(I / rows_of_tile);
  const int splits = static_cast<int>(std::clamp<int64_t>(context.multiprocessors / row_tiles, 1, B));
  const int64_t part_size = int64_t{row_tiles} * rows_of_tile * widest;
  const Tensor parts = Tensor::empty({splits, part_size}, DType::float32, x.device());
  const auto rows = [&](const Tensor& t, int64_t width) {
    return make_tensor_map(t.address(), {width, D, B}, {width * 2, D * width * 2}, {64, 64, 1});
  };
  const auto positions = [&](const Tensor& t) {
    return make_tensor_map(t.address(), {D, N, B}, {D * 2, N * D * 2}, {64, widest, 1});
  };
  const Maps maps{rows(d_gate_up, O), rows(h, I), positions(x), positions(ds)};
  const Shape shape{gate_up_tiles,         row_tiles, splits, static_cast<int>(B), static_cast<int>((D + 63) / 64),
                    elements<float>(parts)};
  TRM_CUDA(cudaFuncSetAttribute(weight_gradient_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                static_cast<int>(shared_bytes)));
  weight_gradient_kernel<<<row_tiles * splits, threads, shared_bytes, context.stream>>>(maps, shape);
  constexpr int adders = 256;
  if (d_gate_up_proj)
    add_parts_kernel<<<blocks_for(O * N, adders), adders, 0, context.stream>>>(
        elements<float>(parts), splits, part_size, O, N, false, elements<float>(*d_gate_up_proj));
  if (d_down_proj)
    add_parts_kernel<<<blocks_for(I * N, adders), adders, 0, context.stream>>>(
        elements<float>(parts) + int64_t{gate_up_tiles} * rows_of_tile * widest, splits, part_size, I, N, true,
        elements<float>(*d_down_proj));
  launched("token_mixer_backward");
}

}  // namespace trm::cuda
