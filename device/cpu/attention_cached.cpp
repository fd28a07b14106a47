#include <cmath>
#include <cstring>
#include <string>

#include "device/cpu/attend.h"
#include "device/cpu/attention_loops.h"
#include "device/cpu/chunks.h"
#include "device/cpu/workspace.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

constexpr int64_t matrix_rows = 8;  // new positions from which products of matrices beat single queries

void append(const Tensor& qkv, int64_t first, Tensor& k_cache, Tensor& v_cache) {
  const int64_t inner = k_cache.size(1);
  const size_t size = size_of(qkv.dtype()), bytes = static_cast<size_t>(inner) * size;
  for (int64_t t = 0; t < qkv.size(0); ++t) {
    std::memcpy(offset_by(k_cache.address(), (first + t) * inner, size),
                offset_by(qkv.address(), (3 * t + 1) * inner, size), bytes);
    std::memcpy(offset_by(v_cache.address(), (first + t) * inner, size),
                offset_by(qkv.address(), (3 * t + 2) * inner, size), bytes);
  }
}

void attention_cached(const Tensor& qkv, const Tensor& position, int heads, Tensor& k_cache, Tensor& v_cache,
                      Tensor& out) {
  const int64_t T = qkv.size(0), S = k_cache.size(0), inner = qkv.size(1) / 3, head_dim = inner / heads;
  const int64_t first = *position.data<int32_t>();
  const DType dtype = qkv.dtype();
  const size_t size = size_of(dtype);
  if (first < 0 || first + T > S)
    throw DeviceError("attention_cached: positions " + std::to_string(first) + " to " + std::to_string(first + T) +
                      " leave the window of " + std::to_string(S));
  append(qkv, first, k_cache, v_cache);
  if (T >= matrix_rows) {
    const int64_t blocks = (T + attention_rows - 1) / attention_rows;
    parallel_chunks(heads * blocks, 1, [&](int64_t task, int64_t) {
      const int64_t block = blocks - 1 - task / heads, column = task % heads * head_dim, row = T * block / blocks,
                    rows = T * (block + 1) / blocks - row;
      const Head head{offset_by(qkv.address(), row * 3 * inner + column, size),
                      offset_by(k_cache.address(), column, size),
                      offset_by(v_cache.address(), column, size),
                      3 * inner,
                      inner,
                      head_dim,
                      dtype};
      attend(head, rows, first + row + 1, true, offset_by(out.address(), row * inner + column, size), inner, nullptr);
    });
    return;
  }
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim));
  const auto run = [&](int64_t task, int64_t) {
    const int64_t t = task / heads, column = task % heads * head_dim, positions = first + t + 1;
    const auto scores =
        static_cast<float*>(workspace(Workspace::attention, static_cast<size_t>(positions + head_dim) * sizeof(float)));
    attention_loops().query[dtype](offset_by(qkv.address(), t * 3 * inner + column, size),
                                   offset_by(k_cache.address(), column, size),
                                   offset_by(v_cache.address(), column, size), positions, inner, head_dim, scale,
                                   scores, scores + positions, offset_by(out.address(), t * inner + column, size));
  };
  constexpr int64_t parallel_from = 1 << 16;  // elements of the keys
  if ((first + T) * inner * T < parallel_from)
    for (int64_t task = 0; task < T * heads; ++task) run(task, 1);
  else
    parallel_chunks(T * heads, 1, run);
}

}  // namespace

const Registration registration([] { kernels::attention_cached.set(DeviceKind::cpu, attention_cached); });

}  // namespace trm::cpu
