#include "device/accelerator/attention.h"

namespace trm::accelerator {
namespace {

constexpr int64_t widest_head = 256;

/// Items along each axis of a group, so that so many tiles fit local memory; 0 where none do.
int tile_side(const Context& context, int64_t head_dim, size_t tiles) {
  if (head_dim > widest_head) return 0;
  for (const int side : {16, 8, 4}) {
    const size_t block = 2 * side,
                 bytes = (tiles * block * static_cast<size_t>(head_dim + 1) + block * (block + 1)) * sizeof(float);
    if (bytes <= context.local_bytes && static_cast<size_t>(side * side) <= context.group_limit) return side;
  }
  return 0;
}

struct Tiles {
  std::string options;
  Grid grid;
};

Tiles tiles_of(const AttentionSizes& s, int side) {
  const auto items = static_cast<size_t>(side);
  return {"-DHEAD_DIM=" + std::to_string(s.head_dim) + " -DSIDE=" + std::to_string(side),
          {{divide_up(s.N, 2 * items) * static_cast<size_t>(s.B * s.heads), 1, 1}, {items, items, 1}}};
}

}  // namespace

bool attention_by_tiles(Context& context, const AttentionSizes& s, const Tensor& qkv, const Tensor& out,
                        const Tensor* lse) {
  const int side = tile_side(context, s.head_dim, 2);
  if (side == 0) return false;
  const Tiles tiles = tiles_of(s, side);
  const Kernel& kernel = context.programs->kernel(attention_tiles_cl, "attention_tiles", tiles.options);
  if (kernel.group_limit < static_cast<size_t>(side * side)) return false;
  launch(context, "attention", kernel, tiles.grid, qkv, out, lse, static_cast<int32_t>(s.N),
         static_cast<int32_t>(s.heads), int32_t{s.causal}, s.scale());
  return true;
}

bool attention_backward_by_tiles(Context& context, const AttentionSizes& s, const Tensor& dout, const Tensor& qkv,
                                 const Tensor& out, const Tensor& lse, const Tensor& dqkv) {
  const char* op = "attention_backward";
  const int side = tile_side(context, s.head_dim, 3);
  if (side == 0) return false;
  const Tiles tiles = tiles_of(s, side);
  const Kernel &sums = context.programs->kernel(attention_tiles_cl, "attention_delta", tiles.options),
               &queries = context.programs->kernel(attention_tiles_cl, "attention_query_gradient", tiles.options),
               &others = context.programs->kernel(attention_tiles_cl, "attention_key_value_gradient", tiles.options);
  if (std::min(queries.group_limit, others.group_limit) < static_cast<size_t>(side * side)) return false;
  const auto N = static_cast<int32_t>(s.N), heads = static_cast<int32_t>(s.heads);
  const int64_t rows = s.B * s.heads * s.N;
  const Tensor delta = Tensor::empty({rows}, DType::float32, qkv.device());
  launch(context, op, sums, over_elements(context, sums, rows), dout, out, delta, rows, N, heads);
  launch(context, op, queries, tiles.grid, dout, qkv, lse, delta, dqkv, N, heads, int32_t{s.causal}, s.scale());
  launch(context, op, others, tiles.grid, dout, qkv, lse, delta, dqkv, N, heads, int32_t{s.causal}, s.scale());
  return true;
}

}  // namespace trm::accelerator
