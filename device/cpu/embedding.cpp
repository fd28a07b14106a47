#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "device/cpu/chunks.h"
#include "device/cpu/cpu_platform.h"
#include "device/cpu/elementwise_loops.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

/// Throws where an id is not a row of a table of `rows` rows.
void require_ids(const char* op, const char* what, const Tensor& ids, int64_t rows) {
  const int32_t* id = ids.data<int32_t>();
  for (int64_t i = 0; i < ids.elements(); ++i)
    if (id[i] < 0 || id[i] >= rows)
      throw DeviceError(std::string(op) + ": " + what + " " + std::to_string(id[i]) + " is not in 0 to " +
                        std::to_string(rows - 1));
}

void input_embedding(const Tensor& tokens, const Tensor& table, const Tensor* puzzle_rows, const Tensor* positions,
                     float scale, Tensor& out) {
  const int64_t B = tokens.size(0), S = tokens.size(1), N = out.size(1), D = out.size(2), P = N - S;
  const int64_t ndim = puzzle_rows ? puzzle_rows->size(1) : 0;
  const DType dtype = table.dtype();
  const size_t size = size_of(dtype);
  const std::vector<float> padding(P ? D : 0);
  require_ids("input_embedding", "token", tokens, table.size(0));
#pragma omp parallel for collapse(2) if (out.elements() > 1 << 14)
  for (int64_t b = 0; b < B; ++b)
    for (int64_t n = 0; n < N; ++n) {
      void* to = offset_by(out.address(), (b * N + n) * D, size);
      const void* added = positions ? offset_by(positions->address(), n * D, size) : nullptr;
      if (n >= P) {
        elementwise_loops().scaled[dtype](offset_by(table.address(), tokens.data<int32_t>()[b * S + n - P] * D, size),
                                          added, scale, to, D);
        continue;
      }
      const int64_t held = std::clamp<int64_t>(ndim - n * D, 0, D);  // the rest of the row is padding
      const auto write = [&](const float* from, int64_t first, int64_t count) {
        elementwise_loops().scaled_float32[dtype](from, added ? offset_by(added, first, size) : nullptr, scale,
                                                  offset_by(to, first, size), count);
      };
      write(puzzle_rows->data<float>() + b * ndim + n * D, 0, held);
      write(padding.data(), held, D - held);
    }
}

// Each thread owns ranges of columns and walks all positions in order: no two threads add to the same place.
void input_embedding_backward(const Tensor& dx, const Tensor& tokens, float scale, Tensor& d_table,
                              Tensor* d_puzzle_rows, Tensor* d_positions) {
  const int64_t B = tokens.size(0), S = tokens.size(1), N = dx.size(1), D = dx.size(2), P = N - S;
  const int64_t ndim = d_puzzle_rows ? d_puzzle_rows->size(1) : 0;
  constexpr int64_t block = 64;
  require_ids("input_embedding_backward", "token", tokens, d_table.size(0));
  const auto add = elementwise_loops().add_scaled[dx.dtype()];
#pragma omp parallel for if (dx.elements() > 1 << 14)
  for (int64_t first = 0; first < D; first += block) {
    const int64_t count = std::min(block, D - first);
    for (int64_t b = 0; b < B; ++b)
      for (int64_t n = 0; n < N; ++n) {
        const void* g = offset_by(dx.address(), (b * N + n) * D + first, size_of(dx.dtype()));
        if (d_positions) add(g, scale, d_positions->data<float>() + n * D + first, count);
        if (n >= P)
          add(g, scale, d_table.data<float>() + tokens.data<int32_t>()[b * S + n - P] * D + first, count);
        else if (const int64_t held = std::min(count, ndim - n * D - first); held > 0) {
          float* row = d_puzzle_rows->data<float>() + b * ndim + n * D + first;
          std::fill_n(row, held, 0.0f);
          add(g, scale, row, held);
        }
      }
  }
}

void gather_rows(const Tensor& table, const Tensor& ids, Tensor& out) {
  const int64_t B = ids.size(0), W = table.size(1);
  require_ids("gather_rows", "row", ids, table.size(0));
  for (int64_t b = 0; b < B; ++b)
    std::memcpy(out.data<float>() + b * W, table.data<float>() + ids.data<int32_t>()[b] * W, W * sizeof(float));
}

void drop_positions(const Tensor& x, Tensor& out) {
  const int64_t B = x.size(0);
  const size_t from = x.bytes() / std::max<int64_t>(B, 1), kept = out.bytes() / std::max<int64_t>(B, 1);
#pragma omp parallel for if (out.bytes() > 1 << 18)
  for (int64_t b = 0; b < B; ++b)
    std::memcpy(static_cast<char*>(out.address()) + b * kept, static_cast<char*>(x.address()) + (b + 1) * from - kept,
                kept);
}

void drop_positions_backward(const Tensor& dout, Tensor& dx) {
  const int64_t B = dx.size(0);
  const size_t to = dx.bytes() / std::max<int64_t>(B, 1), kept = dout.bytes() / std::max<int64_t>(B, 1);
#pragma omp parallel for if (dx.bytes() > 1 << 18)
  for (int64_t b = 0; b < B; ++b) {
    char* row = static_cast<char*>(dx.address()) + b * to;
    std::memset(row, 0, to - kept);
    std::memcpy(row + to - kept, static_cast<char*>(dout.address()) + b * kept, kept);
  }
}

}  // namespace

const Registration registration([] {
  kernels::input_embedding.set(DeviceKind::cpu, input_embedding);
  kernels::input_embedding_backward.set(DeviceKind::cpu, input_embedding_backward);
  kernels::gather_rows.set(DeviceKind::cpu, gather_rows);
  kernels::drop_positions.set(DeviceKind::cpu, drop_positions);
  kernels::drop_positions_backward.set(DeviceKind::cpu, drop_positions_backward);
});

}  // namespace trm::cpu
