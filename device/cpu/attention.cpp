#include <cmath>

#include "device/cpu/attend.h"
#include "device/cpu/attention_loops.h"
#include "device/cpu/chunks.h"
#include "device/cpu/cpu_platform.h"
#include "device/cpu/gemm.h"
#include "device/kernels.h"

namespace trm::cpu {

void attend(const Head& head, int64_t rows, int64_t visible, bool causal, void* out, int64_t out_stride, float* lse) {
  const int64_t columns = causal ? visible + rows - 1 : visible, n = head.head_dim;
  const DType dtype = head.dtype;
  const size_t size = size_of(dtype), query_bytes = AttentionSpace::bytes(rows * n, size),
               key_bytes = AttentionSpace::bytes(columns * n, size),
               score_bytes = AttentionSpace::bytes(rows * columns, sizeof(float)),
               p_bytes = dtype == DType::bfloat16 ? AttentionSpace::bytes(rows * columns, size) : 0;
  AttentionSpace space(query_bytes + 2 * key_bytes + score_bytes + p_bytes);
  void *q = space.take(query_bytes), *k = space.take(key_bytes), *v = space.take(key_bytes),
       *scores = space.take(score_bytes), *p = p_bytes ? space.take(p_bytes) : scores;
  copy_rows(head.q, head.q_stride, rows, n, size, q, n);
  copy_rows(head.k, head.kv_stride, columns, n, size, k, n);
  copy_rows(head.v, head.kv_stride, columns, n, size, v, n);
  gemm(rows, columns, n, row_major(q, dtype, n), transposed(k, dtype, n), scores, DType::float32, columns, false);
  const float scale = 1 / std::sqrt(static_cast<float>(n));
  attention_loops().softmax[dtype](static_cast<float*>(scores), rows, columns, visible, causal, scale, p, lse);
  gemm(rows, n, columns, row_major(p, dtype, columns), row_major(v, dtype, n), q, dtype, n, false);
  copy_rows(q, n, rows, n, size, out, out_stride);
}

namespace {

void attention(const Tensor& qkv, int heads, bool causal, Tensor& out, Tensor* lse) {
  const int64_t B = qkv.size(0), N = qkv.size(1), width = qkv.size(2), inner = width / 3, head_dim = inner / heads;
  const int64_t blocks = (N + attention_rows - 1) / attention_rows;
  const size_t size = size_of(qkv.dtype());
  parallel_chunks(B * heads * blocks, 1, [&](int64_t task, int64_t) {
    const int64_t block = blocks - 1 - task / (B * heads), b = task % (B * heads) / heads,
                  head = task % heads;  // the longest first
    const int64_t first = N * block / blocks, rows = N * (block + 1) / blocks - first;
    const void* rows_of_b = offset_by(qkv.address(), b * N * width + head * head_dim, size);
    const Head one{offset_by(rows_of_b, first * width, size),
                   offset_by(rows_of_b, inner, size),
                   offset_by(rows_of_b, 2 * inner, size),
                   width,
                   width,
                   head_dim,
                   qkv.dtype()};
    attend(one, rows, causal ? first + 1 : N, causal,
           offset_by(out.address(), (b * N + first) * inner + head * head_dim, size), inner,
           lse ? lse->data<float>() + (b * heads + head) * N + first : nullptr);
  });
}

}  // namespace

const Registration registration([] { kernels::attention.set(DeviceKind::cpu, attention); });

}  // namespace trm::cpu
