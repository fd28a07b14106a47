#include <cmath>

#include "device/cpu/attend.h"
#include "device/cpu/attention_loops.h"
#include "device/cpu/chunks.h"
#include "device/cpu/cpu_platform.h"
#include "device/cpu/gemm.h"
#include "device/cpu/groups.h"
#include "device/cpu/workspace.h"
#include "device/kernels.h"

namespace trm::cpu {

void attend(const Head& head, int64_t rows, int64_t visible, bool causal, void* out, int64_t out_stride, float* lse) {
  const int64_t columns = causal ? visible + rows - 1 : visible, tile = rows * columns;
  const bool narrow = head.dtype == DType::bfloat16;
  const auto scores =
      static_cast<float*>(workspace(Workspace::attention, static_cast<size_t>(tile) * (narrow ? 6 : 4)));
  void* p = narrow ? scores + tile : scores;
  gemm(rows, columns, head.head_dim, row_major(head.q, head.dtype, head.q_stride),
       transposed(head.k, head.dtype, head.kv_stride), scores, DType::float32, columns, false);
  const float scale = 1 / std::sqrt(static_cast<float>(head.head_dim));
  attention_loops().softmax[head.dtype](scores, rows, columns, visible, causal, scale, p, lse);
  gemm(rows, head.head_dim, columns, row_major(p, head.dtype, columns), row_major(head.v, head.dtype, head.kv_stride),
       out, head.dtype, out_stride, false);
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

void register_attention_forward() { kernels::attention.set(DeviceKind::cpu, attention); }

void register_attention() {
  register_rope();
  register_attention_forward();
  register_attention_backward();
  register_attention_cached();
}

}  // namespace trm::cpu
