#pragma once
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "device/ops.h"
#include "device/random.h"

namespace trm::bench {

using Run = std::function<void()>;

/// Makes the tensors of a case; the same values in every run.
struct Maker {
  DType dtype;
  Device device;
  uint64_t seed = 0;

  /// Uniform values of deviation `scale`.
  Tensor random(const Shape& shape, float scale = 1.0f) {
    std::vector<float> values(static_cast<size_t>(shape.elements()));
    ++seed;
    for (size_t i = 0; i < values.size(); ++i)
      values[i] =
          (uniform(random_numbers(seed, RandomPurpose::test, 0, static_cast<uint32_t>(i))[0]) - 0.5f) * 3.46f * scale;
    Tensor wide = Tensor::from(values, shape, device);
    return dtype == DType::float32 ? wide : ops::cast(wide, dtype);
  }
  Weight weight(int64_t out, int64_t in, bool token) {
    Weight weight = ops::make_weight(random({out, in}, 1 / std::sqrt(static_cast<float>(in))), token);
    ops::repack(weight);
    return weight;
  }
  Tensor integers(const Shape& shape, int32_t below) {
    std::vector<int32_t> values(static_cast<size_t>(shape.elements()));
    ++seed;
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<int32_t>(random_numbers(seed, RandomPurpose::test, 0, static_cast<uint32_t>(i))[0] %
                                       static_cast<uint32_t>(below));
    return Tensor::from(values, shape, device);
  }
  Tensor zeros(const Shape& shape) { return Tensor::zeros(shape, DType::float32, device); }
};

}  // namespace trm::bench
