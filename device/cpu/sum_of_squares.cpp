#include <algorithm>
#include <vector>

#include "device/cpu/adam_loops.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

// Blocks are of a fixed size and added in order, so the sum does not depend on the number of threads.
void sum_of_squares(const Tensor& x, Tensor& out) {
  constexpr int64_t block = 1 << 14;
  const int64_t n = x.elements(), blocks = (n + block - 1) / block;
  const float* values = x.data<float>();
  std::vector<double> sums(blocks);
#pragma omp parallel for if (blocks > 2)
  for (int64_t i = 0; i < blocks; ++i)
    sums[i] = adam_loops().sum_of_squares(values + i * block, std::min(block, n - i * block));
  double total = 0;
  for (const double sum : sums) total += sum;
  *out.data<float>() = static_cast<float>(total);
}

}  // namespace

const Registration registration([] { kernels::sum_of_squares.set(DeviceKind::cpu, sum_of_squares); });

}  // namespace trm::cpu
