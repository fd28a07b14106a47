#include <algorithm>
#include <cmath>

#include "device/cpu/attend.h"
#include "device/cpu/attention_loops.h"
#include "device/cpu/chunks.h"
#include "device/cpu/gemm.h"
#include "device/cpu/groups.h"
#include "device/cpu/workspace.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

/// Gradients of one head; rows of dout, out lie `inner` apart, those of dq, dk, dv as q's.
struct HeadGradient {
  const void *dout, *out;
  const float* lse;
  void *dq, *dk, *dv;
  int64_t inner;
};

// P = exp(q kᵀ/√d - lse); dv = Pᵀ dout; dS = P ∘ (dout vᵀ - rowsum(dout ∘ out)); dq = dS k/√d; dk = dSᵀ q/√d, over
// blocks of query rows
void head_backward(const Head& head, const HeadGradient& g, int64_t N, bool causal) {
  const int64_t blocks = (N + attention_rows - 1) / attention_rows, most = (N + blocks - 1) / blocks, tile = most * N,
                n = head.head_dim;
  const DType dtype = head.dtype;
  const size_t size = size_of(dtype);
  const bool narrow = dtype == DType::bfloat16, one = blocks == 1;
  const int64_t kept = one ? 0 : 2 * N * n;
  const auto scores = static_cast<float*>(
      workspace(Workspace::attention, static_cast<size_t>(2 * tile + kept + most + (narrow ? tile : 0)) * 4));
  float *dp = scores + tile, *dk = dp + tile, *dv = dk + N * n, *delta = dp + tile + kept;
  void *p = narrow ? delta + most : scores, *ds = narrow ? offset_by(p, tile, size) : dp;
  std::fill(dk, dk + kept, 0.0f);
  const float scale = 1 / std::sqrt(static_cast<float>(n));
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t first = N * block / blocks, rows = N * (block + 1) / blocks - first,
                  columns = causal ? first + rows : N;
    const void *q = offset_by(head.q, first * head.q_stride, size), *dout = offset_by(g.dout, first * g.inner, size);
    gemm(rows, columns, n, row_major(q, dtype, head.q_stride), transposed(head.k, dtype, head.kv_stride), scores,
         DType::float32, columns, false);
    gemm(rows, columns, n, row_major(dout, dtype, g.inner), transposed(head.v, dtype, head.kv_stride), dp,
         DType::float32, columns, false);
    attention_loops().row_dots[dtype](dout, offset_by(g.out, first * g.inner, size), rows, g.inner, n, delta);
    attention_loops().softmax_backward[dtype](scores, dp, rows, columns, first + 1, causal, scale, g.lse + first, delta,
                                              p, ds);
    gemm(rows, n, columns, row_major(ds, dtype, columns), row_major(head.k, dtype, head.kv_stride),
         offset_by(g.dq, first * head.q_stride, size), dtype, head.q_stride, false);
    const auto add_columns = [&](const void* tile, const void* x, int64_t x_stride, float* sum, void* out) {
      gemm(columns, n, rows, transposed(tile, dtype, columns), row_major(x, dtype, x_stride), one ? out : sum,
           one ? dtype : DType::float32, one ? head.q_stride : n, !one);
    };
    add_columns(ds, q, head.q_stride, dk, g.dk);
    add_columns(p, dout, g.inner, dv, g.dv);
  }
  if (one) return;
  attention_loops().store_rows[dtype](dk, N, n, g.dk, head.q_stride);
  attention_loops().store_rows[dtype](dv, N, n, g.dv, head.q_stride);
}

void attention_backward(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse, int heads,
                        bool causal, Tensor& dqkv) {
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
                                inner};
    head_backward(head, gradient, N, causal);
  });
}

}  // namespace

void register_attention_backward() { kernels::attention_backward.set(DeviceKind::cpu, attention_backward); }

}  // namespace trm::cpu
