// token_mixer, token_mixer_forward and token_mixer_backward: kernels that a device may have or not. Against the ops
// that they stand for, in float32 on the cpu.
#include <cmath>

#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

struct Sizes {
  int64_t B, N, D, I;
};

class TokenMixer : public OpTest {
 protected:
  struct Case {
    Sizes s;
    std::vector<float> x, ds, up, down;
  };
  Case make(const Sizes& s) const {
    return {s, random(s.B * s.N * s.D, 1), random(s.B * s.N * s.D, 2),
            random(2 * s.I * s.N, 3, 1 / std::sqrt(static_cast<float>(s.N))),
            random(s.N * s.I, 4, 1 / std::sqrt(static_cast<float>(s.I)))};
  }
  static std::vector<double> exact(const Tensor& t) { return widen(t.to_vector<float>()); }
};

TEST_P(TokenMixer, EqualsTheComposedOps) {
  for (const Sizes& s :
       {Sizes{3, 97, 512, 512}, Sizes{1, 66, 64, 256}, Sizes{2, 104, 264, 256}, Sizes{5, 81, 320, 512}}) {
    const Case c = make(s);
    const Shape shape{s.B, s.N, s.D};
    const Tensor x = tensor(c.x, shape);
    const Weight up = weight(c.up, 2 * s.I, s.N, true), down = weight(c.down, s.N, s.I, true);
    Tensor rstd, kept, exact_rstd;
    const Tensor y = ops::swiglu_block_forward(x, up, down, 1e-5f, rstd);
    if (!y) GTEST_SKIP() << "this device composes the token mixer of other ops";

    const Tensor wide = to_tensor(c.x, shape, DType::float32, cpu_device),
                 wide_ds = to_tensor(c.ds, shape, DType::float32, cpu_device);
    const Weight wide_up = ops::make_weight(to_tensor(c.up, {2 * s.I, s.N}, DType::float32, cpu_device), true);
    const Weight wide_down = ops::make_weight(to_tensor(c.down, {s.N, s.I}, DType::float32, cpu_device), true);
    const Tensor expected =
        ops::linear_residual_rms_norm(ops::linear_swiglu(wide, wide_up, &kept), wide_down, wide, 1e-5f, &exact_rstd);
    EXPECT_LT(relative_error(y, exact(expected)), tolerance()) << describe(x);
    EXPECT_LT(relative_error(ops::swiglu_block(x, up, down, 1e-5f), exact(expected)), tolerance()) << describe(x);
    EXPECT_LT(relative_error(rstd, exact(exact_rstd)), tolerance()) << describe(x);

    const auto g = ops::linear_swiglu_backward(wide_ds, wide_down, kept);
    Tensor dx = to_tensor(c.ds, shape, DType::float32, cpu_device),
           dw_up = Tensor::zeros({2 * s.I, s.N}, DType::float32, cpu_device),
           dw_down = Tensor::zeros({s.N, s.I}, DType::float32, cpu_device);
    ops::token_linear_backward_weight(wide_ds, g.h, dw_down);
    ops::token_linear_backward_weight(g.d_gate_up, wide, dw_up);
    ops::token_linear_backward_input_into(g.d_gate_up, wide_up, dx);

    std::vector<float> bits[2];
    for (auto& run : bits) {
      Tensor own_dx = tensor(c.ds, shape), own_up = Tensor::zeros({2 * s.I, s.N}, DType::float32, device()),
             own_down = Tensor::zeros({s.N, s.I}, DType::float32, device());
      ops::swiglu_block_backward(own_dx, x, up, down, &own_up, &own_down);
      EXPECT_LT(relative_error(own_dx, exact(dx)), tolerance()) << describe(x);
      EXPECT_LT(relative_error(own_up, exact(dw_up)), tolerance()) << describe(x);
      EXPECT_LT(relative_error(own_down, exact(dw_down)), tolerance()) << describe(x);
      for (const Tensor& t : {own_dx, own_up, own_down})
        for (const float value : t.to_vector<float>()) run.push_back(value);
    }
    EXPECT_EQ(bits[0], bits[1]);
  }
}

TRM_OP_SUITE(TokenMixer);

}  // namespace
}  // namespace trm::testing
