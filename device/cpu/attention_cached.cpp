#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "device/cpu/attend.h"
#include "device/cpu/attention_loops.h"
#include "device/cpu/chunks.h"
#include "device/cpu/workspace.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

constexpr int64_t matrix_rows = 8;  // new positions from which products of matrices beat single queries

/// One row of the batch: its new positions and its slot.
struct Row {
  const void* qkv;
  void *keys, *values, *out;
  int64_t first, T, inner, head_dim;
  int heads;
  DType dtype;

  int64_t work() const { return (first + T) * inner * T; }

  void append() const {
    const size_t size = size_of(dtype), bytes = static_cast<size_t>(inner) * size;
    for (int64_t t = 0; t < T; ++t) {
      std::memcpy(offset_by(keys, (first + t) * inner, size), offset_by(qkv, (3 * t + 1) * inner, size), bytes);
      std::memcpy(offset_by(values, (first + t) * inner, size), offset_by(qkv, (3 * t + 2) * inner, size), bytes);
    }
  }

  void attend_all() const {
    const size_t size = size_of(dtype);
    const int64_t blocks = (T + attention_rows - 1) / attention_rows;
    parallel_chunks(heads * blocks, 1, [&](int64_t task, int64_t) {
      const int64_t block = blocks - 1 - task / heads, column = task % heads * head_dim, row = T * block / blocks,
                    rows = T * (block + 1) / blocks - row;
      const Head head{offset_by(qkv, row * 3 * inner + column, size),
                      offset_by(keys, column, size),
                      offset_by(values, column, size),
                      3 * inner,
                      inner,
                      head_dim,
                      dtype};
      attend(head, rows, first + row + 1, true, offset_by(out, row * inner + column, size), inner, nullptr);
    });
  }

  /// Head task % heads of the new position task / heads.
  void attend_one(int64_t task) const {
    const size_t size = size_of(dtype);
    const int64_t t = task / heads, column = task % heads * head_dim, positions = first + t + 1;
    const auto scores =
        static_cast<float*>(workspace(Workspace::attention, static_cast<size_t>(positions + head_dim) * sizeof(float)));
    attention_loops().query[dtype](offset_by(qkv, t * 3 * inner + column, size), offset_by(keys, column, size),
                                   offset_by(values, column, size), positions, inner, head_dim,
                                   1 / std::sqrt(static_cast<float>(head_dim)), scores, scores + positions,
                                   offset_by(out, t * inner + column, size));
  }
};

void attention_cached(const Tensor& qkv, const Tensor& slots, const Tensor& positions, int heads, Tensor& k_cache,
                      Tensor& v_cache, Tensor& out) {
  const int64_t B = qkv.size(0), T = qkv.size(1), S = k_cache.size(1), inner = qkv.size(2) / 3;
  const DType dtype = qkv.dtype();
  const size_t size = size_of(dtype);
  std::vector<Row> rows;
  int64_t work = 0;
  for (int64_t b = 0; b < B; ++b) {
    const int64_t slot = slots.data<int32_t>()[b], first = positions.data<int32_t>()[b];
    void* to = offset_by(out.address(), b * T * inner, size);
    if (slot < 0 || slot >= k_cache.size(0)) {
      std::memset(to, 0, static_cast<size_t>(T * inner) * size);
      continue;
    }
    if (first < 0 || first + T > S)
      throw DeviceError("attention_cached: positions " + std::to_string(first) + " to " + std::to_string(first + T) +
                        " leave the window of " + std::to_string(S));
    rows.push_back(
        {offset_by(qkv.address(), b * T * 3 * inner, size), offset_by(k_cache.address(), slot * S * inner, size),
         offset_by(v_cache.address(), slot * S * inner, size), to, first, T, inner, inner / heads, heads, dtype});
    work += rows.back().work();
  }
  for (const Row& row : rows) row.append();
  if (T >= matrix_rows) {
    for (const Row& row : rows) row.attend_all();
    return;
  }
  const int64_t each = T * heads, tasks = static_cast<int64_t>(rows.size()) * each;
  const auto run = [&](int64_t task, int64_t) { rows[static_cast<size_t>(task / each)].attend_one(task % each); };
  constexpr int64_t parallel_from = 1 << 16;  // elements of the keys
  if (work < parallel_from)
    for (int64_t task = 0; task < tasks; ++task) run(task, 1);
  else
    parallel_chunks(tasks, 1, run);
}

}  // namespace

const Registration registration([] { kernels::attention_cached.set(DeviceKind::cpu, attention_cached); });

}  // namespace trm::cpu
