#include <cstring>

#include "device/cpu/chunks.h"
#include "device/cpu/few_rows.h"
#include "device/cpu/rms_norm_loops.h"
#include "device/cpu/swiglu_loops.h"
#include "device/cpu/weight_product.h"
#include "device/cpu/workspace.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void channel_mixer(const Tensor& x, const Weight& gate_up, const Weight& down, float eps, Tensor& y) {
  if (has_few_rows(x, gate_up)) return few_rows_channel_mixer(x, gate_up, down, eps, y);
  const int64_t inner = down.in(), n = down.out();
  const DType dtype = x.dtype();
  const size_t size = size_of(dtype);
  parallel_rows(x.size(0), [&](int64_t first, int64_t count) {
    const void* input = offset_by(x.address(), first * n, size);
    void* both = workspace(Workspace::gate_up, static_cast<size_t>(count * 2 * inner) * size);
    void* h = workspace(Workspace::inner, static_cast<size_t>(count * inner) * size);
    auto* sum = static_cast<float*>(workspace(Workspace::sum, static_cast<size_t>(count * n) * sizeof(float)));
    times_transposed_weight(count, row_major(input, dtype, n), gate_up, both, dtype, 2 * inner);
    swiglu_loops().forward[dtype](both, offset_by(both, inner, size), h, count, inner, 2 * inner, inner);
    times_transposed_weight(count, row_major(h, dtype, inner), down, sum, DType::float32, n);
    rms_norm_loops().rows[dtype](sum, input, count, n, eps, offset_by(y.address(), first * n, size), nullptr);
  });
}

void token_mixer(const Tensor& x, const Weight& gate_up, const Weight& down, float eps, Tensor& y) {
  const int64_t inner = down.in(), n = down.out(), width = x.size(2);
  const DType dtype = x.dtype();
  const size_t size = size_of(dtype);
  parallel_columns(x, [&](int64_t b, int64_t first, int64_t count) {
    const int64_t start = b * n * width + first;
    const void* input = offset_by(x.address(), start, size);
    void* dense = workspace(Workspace::input, static_cast<size_t>(n * count) * size);
    for (int64_t i = 0; i < n; ++i)
      std::memcpy(offset_by(dense, i * count, size), offset_by(input, i * width, size),
                  static_cast<size_t>(count) * size);
    void* both = workspace(Workspace::gate_up, static_cast<size_t>(2 * inner * count) * size);
    auto* sum = static_cast<float*>(workspace(Workspace::sum, static_cast<size_t>((n + 1) * count) * sizeof(float)));
    weight_times(count, gate_up, row_major(dense, dtype, count), both, dtype, count);
    swiglu_loops().forward[dtype](both, offset_by(both, inner * count, size), both, 1, inner * count, 0,
                                  0);  // h takes gate's place
    weight_times(count, down, row_major(both, dtype, count), sum, DType::float32, count);
    rms_norm_loops().columns[dtype](sum, input, n, count, width, eps, offset_by(y.address(), start, size),
                                    sum + n * count);
  });
}

}  // namespace

const Registration registration([] {
  kernels::channel_mixer.set(DeviceKind::cpu, channel_mixer);
  kernels::token_mixer.set(DeviceKind::cpu, token_mixer);
});

}  // namespace trm::cpu
