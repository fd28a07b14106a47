#include <numeric>

#include "benchmarks/ops/cases.h"
#include "benchmarks/ops/maker.h"

namespace trm::bench {
namespace {

void add_attention(std::vector<Case>& all, int64_t batch, int64_t n, int heads, int64_t head_dim, bool causal) {
  const int64_t inner = heads * head_dim;
  const std::string shape =
      to_string(Shape{batch, n, inner}) + ", " + std::to_string(heads) + " heads" + (causal ? ", causal" : "");
  const double flops = 4.0 * static_cast<double>(batch * n * n * inner) / (causal ? 2 : 1);
  const Shape qkv{batch, n, 3 * inner}, out{batch, n, inner};
  all.push_back({"attention", shape, flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [x = make.random(qkv), heads, causal] {
                     Tensor lse;
                     ops::attention(x, heads, causal, &lse);
                   };
                 }});
  all.push_back({"attention_backward", shape, 2.5 * flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   const Tensor x = make.random(qkv), dout = make.random(out);
                   Tensor lse;
                   const Tensor y = ops::attention(x, heads, causal, &lse);
                   return [=] { ops::attention_backward(dout, x, y, lse, heads, causal); };
                 }});
  all.push_back({"rope", shape, 0, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   const auto tables = ops::make_rope_tables(n, static_cast<int>(head_dim), 10000.0, device);
                   return [x = make.random(qkv), tables, heads]() mutable { ops::rope(x, tables, heads); };
                 }});
}

void add_cached(std::vector<Case>& all, int64_t rows, int64_t position, int64_t count, int heads, int64_t head_dim) {
  const int64_t inner = heads * head_dim, window = 2048;
  const std::string shape = (rows > 1 ? std::to_string(rows) + " rows of " : "") + std::to_string(count) +
                            " at position " + std::to_string(position) + ", " + std::to_string(heads) + " heads of " +
                            std::to_string(head_dim);
  const double flops = 4.0 * static_cast<double>(rows * inner * count * (position + (count + 1) / 2));
  all.push_back({"attention_cached", shape, flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   std::vector<int32_t> slots(static_cast<size_t>(rows));
                   std::iota(slots.begin(), slots.end(), 0);
                   const std::vector<int32_t> positions(slots.size(), static_cast<int32_t>(position));
                   return [x = make.random({rows, count, 3 * inner}), k = make.random({rows, window, inner}),
                           v = make.random({rows, window, inner}), slots = Tensor::from(slots, {rows}, device),
                           at = Tensor::from(positions, {rows}, device),
                           heads]() mutable { ops::attention_cached(x, slots, at, heads, k, v); };
                 }});
}

}  // namespace

void add_attention_cases(std::vector<Case>& all) {
  add_attention(all, 16, 97, 8, 64, false);  // sudoku
  add_attention(all, 2, 512, 12, 32, true);  // chat
  add_attention(all, 2, 916, 8, 64, false);  // maze
  add_attention(all, 4, 97, 12, 42, false);  // a head_dim that no vector divides
  for (const auto& [position, count] : {std::pair{10, 1}, {500, 1}, {2000, 1}, {0, 128}, {0, 1024}})
    add_cached(all, 1, position, count, 12, 32);
  add_cached(all, 8, 500, 1, 12, 32);
}

}  // namespace trm::bench
