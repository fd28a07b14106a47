#include <algorithm>

#include "device/accelerator/attention.h"
#include "device/accelerator/product.h"

namespace trm::accelerator {
namespace {

constexpr int64_t most_score_bytes = int64_t{64} << 20;

/// Pairs of example and head that are done together: heads `head` ... of examples `example` ...; either all heads, or
/// one example.
struct Chunk {
  int64_t example, examples, head, heads;
  int64_t pairs() const { return examples * heads; }
};

/// Calls run(chunk, scores) with chunks whose scores fit.
template <class F>
void for_chunks(const AttentionSizes& s, Device device, int matrices, const F& run) {
  const int64_t most = std::clamp<int64_t>(
      most_score_bytes / (s.N * s.N * static_cast<int64_t>(sizeof(float)) * matrices), 1, s.B * s.heads);
  const int64_t examples = std::max<int64_t>(most / s.heads, 1), heads = std::min(most, s.heads);
  const Tensor scores = Tensor::empty({matrices, examples * heads, s.N, s.N}, DType::float32, device);
  for (int64_t b = 0; b < s.B; b += examples)
    for (int64_t h = 0; h < s.heads; h += heads)
      run(Chunk{b, std::min(examples, s.B - b), h, std::min(heads, s.heads - h)}, scores);
}

/// Part 0 (q), 1 (k) or 2 (v) of qkv, or of its gradient.
Operand part(const AttentionSizes& s, const Chunk& c, const Tensor& qkv, int which, bool transposed = false) {
  const int64_t row = 3 * s.inner();
  return {
      {&qkv, c.example * s.N * row + which * s.inner() + c.head * s.head_dim}, row, transposed, s.head_dim, s.N * row};
}
int64_t out_place(const AttentionSizes& s, const Chunk& c) { return c.example * s.N * s.inner() + c.head * s.head_dim; }
Operand output(const AttentionSizes& s, const Chunk& c, const Tensor& out) {
  return {{&out, out_place(s, c)}, s.inner(), false, s.head_dim, s.N * s.inner()};
}
Operand matrix(const AttentionSizes& s, const Chunk& c, const Tensor& scores, int which = 0, bool transposed = false) {
  const int64_t size = s.N * s.N;
  return {{&scores, which * scores.size(1) * size}, s.N, transposed, size, c.heads * size};
}

/// [N, N] from vectors of a head.
void score_product(Context& context, const char* op, const AttentionSizes& s, const Chunk& c, const Operand& a,
                   const Operand& b, const Operand& out) {
  multiply(context, op,
           {.m = s.N, .n = s.N, .k = s.head_dim, .a = a, .b = b, .out = out, .batch = c.pairs(), .per = c.heads});
}
/// Vectors of a head from [N, N] and such vectors.
void vector_product(Context& context, const char* op, const AttentionSizes& s, const Chunk& c, const Operand& a,
                    const Operand& b, const Operand& out) {
  multiply(context, op,
           {.m = s.N, .n = s.head_dim, .k = s.N, .a = a, .b = b, .out = out, .batch = c.pairs(), .per = c.heads});
}

}  // namespace

void attention_by_products(Context& context, const AttentionSizes& s, const Tensor& qkv, const Tensor& out,
                           const Tensor* lse) {
  const char* op = "attention";
  const Kernel& softmax = context.programs->kernel(attention_softmax_cl, "attention_softmax");
  for_chunks(s, qkv.device(), 1, [&](const Chunk& c, const Tensor& scores) {
    const int64_t rows = c.pairs() * s.N;
    score_product(context, op, s, c, part(s, c, qkv, 0), part(s, c, qkv, 1, true), matrix(s, c, scores));
    const RowGrid grid = over_rows(context, softmax, rows, s.N);
    launch(context, op, softmax, grid.grid, scores, Place{lse, (c.example * s.heads + c.head) * s.N}, rows, s.N,
           int32_t{s.causal}, s.scale(), grid.scratch());
    vector_product(context, op, s, c, matrix(s, c, scores), part(s, c, qkv, 2), output(s, c, out));
  });
}

void attention_backward_by_products(Context& context, const AttentionSizes& s, const Tensor& dout, const Tensor& qkv,
                                    const Tensor& out, const Tensor& lse, const Tensor& dqkv) {
  const char* op = "attention_backward";
  const Kernel &probabilities = context.programs->kernel(attention_softmax_cl, "attention_probabilities"),
               &gradient = context.programs->kernel(attention_softmax_cl, "attention_score_gradient");
  for_chunks(s, qkv.device(), 2, [&](const Chunk& c, const Tensor& scores) {
    const int64_t rows = c.pairs() * s.N, elements = rows * s.N;
    const Operand p = matrix(s, c, scores, 0), ds = matrix(s, c, scores, 1), dy = output(s, c, dout);
    const Operand p_transposed = matrix(s, c, scores, 0, true), ds_transposed = matrix(s, c, scores, 1, true);
    score_product(context, op, s, c, part(s, c, qkv, 0), part(s, c, qkv, 1, true), p);
    launch(context, op, probabilities, over_elements(context, probabilities, elements), p.at,
           Place{&lse, (c.example * s.heads + c.head) * s.N}, elements, s.N, int32_t{s.causal}, s.scale());
    score_product(context, op, s, c, dy, part(s, c, qkv, 2, true), ds);
    vector_product(context, op, s, c, p_transposed, dy, part(s, c, dqkv, 2));
    const RowGrid grid = over_rows(context, gradient, rows, s.N);
    launch(context, op, gradient, grid.grid, p.at, ds.at, dy.at, Place{&out, out_place(s, c)}, rows, s.N, c.heads,
           s.heads, s.head_dim, s.scale(), grid.scratch());
    vector_product(context, op, s, c, ds, part(s, c, qkv, 1), part(s, c, dqkv, 0));
    vector_product(context, op, s, c, ds_transposed, part(s, c, qkv, 0), part(s, c, dqkv, 1));
  });
}

}  // namespace trm::accelerator
