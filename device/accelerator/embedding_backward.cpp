// Adds in a fixed order; see embedding_backward.cl for the two ways.
#include <algorithm>

#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

constexpr const char* op = "input_embedding_backward";
constexpr int64_t small_vocabulary = 64, most_chunks = 512, shortest_chunk = 16,
                  most_listed = 1 << 14;  // listing takes the square of the number of tokens

const Kernel& kernel_of(Context& context, const char* name) {
  return context.programs->kernel(embedding_backward_cl, name);
}

struct Sizes {
  int64_t B, N, P, D, V, tokens;
};

void add_to_small_table(Context& context, const Tensor& dx, const Tensor& tokens, float scale, Tensor& d_table,
                        const Sizes& s) {
  const int64_t chunk = std::max(shortest_chunk, static_cast<int64_t>(divide_up(s.tokens, most_chunks))),
                count = static_cast<int64_t>(divide_up(s.tokens, chunk));
  const Tensor parts = Tensor::empty({count, s.V, s.D}, DType::float32, dx.device());
  const Kernel& partial = kernel_of(context, "partial_tables");
  const size_t fit = std::max<size_t>(context.local_bytes / 2 / sizeof(float) / static_cast<size_t>(s.V), 1),
               columns = group_items(partial, std::min<size_t>(fit, 64));
  Grid grid;
  grid.items = {columns, 1, 1};
  grid.groups = {static_cast<size_t>(count), divide_up(s.D, columns), 1};
  launch(context, op, partial, grid, dx, tokens, parts, s.N, s.P, s.D, s.V, s.tokens, chunk,
         LocalFloats{static_cast<size_t>(s.V) * columns});
  const Kernel& add = kernel_of(context, "add_tables");
  launch(context, op, add, over_elements(context, add, s.V * s.D), parts, scale, d_table, s.V * s.D, count);
}

/// Adds the tokens from `start` on.
void add_lists(Context& context, const Tensor& dx, const Tensor& all_tokens, float scale, Tensor& d_table,
               const Sizes& s, int64_t start) {
  const Place tokens{&all_tokens, start};
  const int64_t number = std::min(most_listed, s.tokens - start);
  const Tensor counts = Tensor::zeros({s.V}, DType::int32, dx.device()),
               starts = Tensor::empty({s.V + 1}, DType::int32, dx.device()),
               order = Tensor::empty({number}, DType::int32, dx.device());
  const Kernel &count = kernel_of(context, "count_tokens"), &scan = kernel_of(context, "scan_counts"),
               &list = kernel_of(context, "list_tokens"), &add = kernel_of(context, "add_lists");
  launch(context, op, count, over_elements(context, count, number), tokens, counts, number, s.V);
  const size_t scanners = group_items(scan, 256);
  launch(context, op, scan, {{1, 1, 1}, {scanners, 1, 1}}, counts, starts, s.V, LocalFloats{scanners});
  launch(context, op, list, over_elements(context, list, number), tokens, starts, order, number, s.V);
  launch(context, op, add, {{static_cast<size_t>(s.V), 1, 1}, {group_items(add, 64), 1, 1}}, dx, starts, order, scale,
         d_table, s.N, s.P, s.D, start);
}

void add_to_large_table(Context& context, const Tensor& dx, const Tensor& tokens, float scale, Tensor& d_table,
                        const Sizes& s) {
  for (int64_t start = 0; start < s.tokens; start += most_listed)
    add_lists(context, dx, tokens, scale, d_table, s, start);
}

void input_embedding_backward(const Tensor& dx, const Tensor& tokens, float scale, Tensor& d_table,
                              Tensor* d_puzzle_rows, Tensor* d_positions) {
  if (dx.elements() == 0) return;
  Context& context = context_of(dx);
  const Sizes s{dx.size(0), dx.size(1), dx.size(1) - tokens.size(1), dx.size(2), d_table.size(0), tokens.elements()};
  if (s.tokens > 0)
    (s.V <= small_vocabulary ? add_to_small_table : add_to_large_table)(context, dx, tokens, scale, d_table, s);
  if (d_puzzle_rows) {
    const Kernel& kernel = kernel_of(context, "puzzle_gradient");
    launch(context, op, kernel, over_elements(context, kernel, d_puzzle_rows->elements()), dx, scale, d_puzzle_rows,
           s.B, s.N * s.D, d_puzzle_rows->size(1));
  }
  if (d_positions) {
    const Kernel& add = kernel_of(context, "add_tables");
    launch(context, op, add, over_elements(context, add, s.N * s.D), dx, scale, d_positions, s.N * s.D, s.B);
  }
}

}  // namespace

const Registration registration([] { set_float32(kernels::input_embedding_backward, input_embedding_backward); });

}  // namespace trm::accelerator
