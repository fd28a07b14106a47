#include <algorithm>
#include <cmath>

#include "device/cpu/attend.h"
#include "device/cpu/attention_loops.h"
#include "device/cpu/chunks.h"
#include "device/cpu/gemm.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

/// Gradients of one head; rows of dout, out lie `inner` apart, those of dq, dk, dv as q's. dq and dk are rotated back
/// by cos, sin f32 [N, head_dim / 2] where given.
struct HeadGradient {
  const void *dout, *out;
  const float* lse;
  void *dq, *dk, *dv;
  int64_t inner;
  const float *cos, *sin;
};

// Pᵀ = exp(k qᵀ/√d - lse); dv = Pᵀ dout; dSᵀ = Pᵀ ∘ (v doutᵀ - rowsum(dout ∘ out)); dq = dS k/√d; dk = dSᵀ q/√d, over
// blocks of query rows. Tiles are kept transposed: so three of the five products have a left factor as it lies.
void head_backward(const Head& head, const HeadGradient& g, int64_t N, bool causal) {
  const int64_t blocks = (N + attention_rows - 1) / attention_rows, most = (N + blocks - 1) / blocks, n = head.head_dim;
  const DType dtype = head.dtype;
  const size_t size = size_of(dtype), key_bytes = AttentionSpace::bytes(N * n, size),
               query_bytes = AttentionSpace::bytes(most * n, size),
               sum_bytes = blocks > 1 ? AttentionSpace::bytes(N * n, sizeof(float)) : 0,
               delta_bytes = AttentionSpace::bytes(most, sizeof(float)),
               score_bytes = AttentionSpace::bytes(most * N, sizeof(float)),
               tile_bytes = dtype == DType::bfloat16 ? AttentionSpace::bytes(most * N, size) : 0;
  AttentionSpace space(2 * key_bytes + 3 * query_bytes + 2 * sum_bytes + delta_bytes + 2 * score_bytes +
                       2 * tile_bytes);
  void *k = space.take(key_bytes), *v = space.take(key_bytes), *q = space.take(query_bytes),
       *dout = space.take(query_bytes), *dq = space.take(query_bytes);
  // The sums over blocks; with one block dk and dv take the places of v and q, which are no longer needed then.
  auto *dk = static_cast<float*>(space.take(sum_bytes)), *dv = static_cast<float*>(space.take(sum_bytes)),
       *delta = static_cast<float*>(space.take(delta_bytes)), *scores = static_cast<float*>(space.take(score_bytes)),
       *dp = static_cast<float*>(space.take(score_bytes));
  void *p = tile_bytes ? space.take(tile_bytes) : scores, *ds = tile_bytes ? space.take(tile_bytes) : dp;
  copy_rows(head.k, head.kv_stride, N, n, size, k, n);
  copy_rows(head.v, head.kv_stride, N, n, size, v, n);
  if (blocks > 1) {
    std::fill_n(dk, N * n, 0.0f);
    std::fill_n(dv, N * n, 0.0f);
  }
  const float scale = 1 / std::sqrt(static_cast<float>(n));
  const auto rotate_back = [&](void* row, int64_t position) {
    if (g.cos)
      attention_loops().rotate[dtype](row, 1, n, g.cos + position * (n / 2), g.sin + position * (n / 2), -1.0f);
  };
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t first = N * block / blocks, rows = N * (block + 1) / blocks - first,
                  columns = causal ? first + rows : N;
    const void* rows_of_dout = offset_by(g.dout, first * g.inner, size);
    copy_rows(offset_by(head.q, first * head.q_stride, size), head.q_stride, rows, n, size, q, n);
    copy_rows(rows_of_dout, g.inner, rows, n, size, dout, n);
    gemm(columns, rows, n, row_major(k, dtype, n), transposed(q, dtype, n), scores, DType::float32, rows, false);
    gemm(columns, rows, n, row_major(v, dtype, n), transposed(dout, dtype, n), dp, DType::float32, rows, false);
    attention_loops().row_dots[dtype](rows_of_dout, offset_by(g.out, first * g.inner, size), rows, g.inner, n, delta);
    attention_loops().softmax_backward[dtype](scores, dp, rows, columns, first + 1, causal, scale, g.lse + first, delta,
                                              p, ds);
    gemm(rows, n, columns, transposed(ds, dtype, rows), row_major(k, dtype, n), dq, dtype, n, false);
    for (int64_t r = 0; r < rows; ++r) rotate_back(offset_by(dq, r * n, size), first + r);
    copy_rows(dq, n, rows, n, size, offset_by(g.dq, first * head.q_stride, size), head.q_stride);
    const auto add_columns = [&](const void* tile, const void* x, float* sum, void* out) {
      if (blocks > 1)
        gemm(columns, n, rows, row_major(tile, dtype, rows), row_major(x, dtype, n), sum, DType::float32, n, true);
      else
        gemm(columns, n, rows, row_major(tile, dtype, rows), row_major(x, dtype, n), out, dtype, n, false);
    };
    add_columns(ds, q, dk, v);
    add_columns(p, dout, dv, q);
  }
  if (blocks > 1) {
    attention_loops().store_rows[dtype](dk, N, n, v, n);
    attention_loops().store_rows[dtype](dv, N, n, k, n);
  }
  for (int64_t r = 0; r < N; ++r) rotate_back(offset_by(v, r * n, size), r);
  copy_rows(v, n, N, n, size, g.dk, head.q_stride);
  copy_rows(blocks > 1 ? k : q, n, N, n, size, g.dv, head.q_stride);
}

void gradients(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse, const float* cos,
               const float* sin, int heads, bool causal, Tensor& dqkv) {
  const int64_t B = qkv.size(0), N = qkv.size(1), width = qkv.size(2), inner = width / 3, head_dim = inner / heads;
  const size_t size = size_of(qkv.dtype());
  parallel_chunks(B * heads, 1, [&](int64_t task, int64_t) {
    const int64_t b = task / heads, column = task % heads * head_dim, from = b * N * width + column,
                  row = b * N * inner + column;
    const auto part = [&](const Tensor& t, int64_t element) { return offset_by(t.address(), element, size); };
    const Head head{part(qkv, from), part(qkv, from + inner), part(qkv, from + 2 * inner), width, width, head_dim,
                    qkv.dtype()};
    const HeadGradient gradient{part(dout, row),
                                part(out, row),
                                lse.data<float>() + task * N,
                                part(dqkv, from),
                                part(dqkv, from + inner),
                                part(dqkv, from + 2 * inner),
                                inner,
                                cos,
                                sin};
    head_backward(head, gradient, N, causal);
  });
}

void attention_backward(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse, int heads,
                        bool causal, Tensor& dqkv) {
  gradients(dout, qkv, out, lse, nullptr, nullptr, heads, causal, dqkv);
}

void attention_rope_backward(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse,
                             const Tensor& cos, const Tensor& sin, int heads, bool causal, Tensor& dqkv) {
  gradients(dout, qkv, out, lse, cos.data<float>(), sin.data<float>(), heads, causal, dqkv);
}

}  // namespace

const Registration registration([] {
  kernels::attention_backward.set(DeviceKind::cpu, attention_backward);
  kernels::attention_rope_backward.set(DeviceKind::cpu, attention_rope_backward);
});

}  // namespace trm::cpu
