#include <algorithm>
#include <cstring>

#include "device/cpu/activation.h"
#include "device/cpu/cpu_platform.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

void last_positions(const Tensor& tokens, int pad_id, int prefix, Tensor& positions) {
  const int64_t B = tokens.size(0), S = tokens.size(1);
  for (int64_t b = 0; b < B; ++b) {
    const int32_t* row = tokens.data<int32_t>() + b * S;
    int64_t last = S - 1;
    while (last > 0 && row[last] == pad_id) --last;
    positions.data<int32_t>()[b] = prefix + static_cast<int32_t>(std::max<int64_t>(last, 0));
  }
}

void reset_rows(const Tensor& halted, const Tensor& init, Tensor& z) {
  const int64_t B = z.size(0), N = z.size(1);
  const size_t row = init.bytes();
#pragma omp parallel for if (z.bytes() > 1 << 18)
  for (int64_t b = 0; b < B; ++b)
    if (halted.data<uint8_t>()[b])
      for (int64_t n = 0; n < N; ++n)
        std::memcpy(static_cast<char*>(z.address()) + (b * N + n) * row, init.address(), row);
}

void select_rows(const Tensor& halted, const Tensor& incoming, Tensor& current) {
  const int64_t B = current.size(0);
  const size_t row = current.bytes() / std::max<int64_t>(B, 1);
#pragma omp parallel for if (current.bytes() > 1 << 18)
  for (int64_t b = 0; b < B; ++b)
    if (halted.data<uint8_t>()[b])
      std::memcpy(static_cast<char*>(current.address()) + b * row, static_cast<char*>(incoming.address()) + b * row,
                  row);
}

}  // namespace

const Registration registration([] {
  kernels::last_positions.set(DeviceKind::cpu, last_positions);
  kernels::reset_rows.set(DeviceKind::cpu, reset_rows);
  kernels::select_rows.set(DeviceKind::cpu, select_rows);
});

}  // namespace trm::cpu
