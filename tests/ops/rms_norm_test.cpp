#include "device/errors.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

class RmsNorm : public OpTest {};
TRM_OP_SUITE(RmsNorm);

using Values = std::vector<double>;
constexpr float eps = 1e-5f;

struct Sizes {
  int64_t batch, rows, width, in;  // y [batch, rows, width]; the product sums over `in`
};
const Sizes all_sizes[] = {{1, 1, 1, 1},    {1, 1, 96, 40},   {1, 5, 130, 384}, {2, 5, 7, 3},
                           {3, 35, 66, 17}, {2, 97, 48, 130}, {1, 150, 33, 65}};

/// Calls f(vector number, position in it, element number) over [batch, n, width]; vectors run over the last axis or,
/// with token, axis 1.
template <class F>
void each(const Sizes& s, bool token, const F& f) {
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t i = 0; i < s.rows; ++i)
      for (int64_t d = 0; d < s.width; ++d)
        f(token ? b * s.width + d : b * s.rows + i, token ? i : d, (b * s.rows + i) * s.width + d);
}

struct Norm {
  Values y, rstd;
};

Norm rms_norm(const Values& x, const Sizes& s, bool token) {
  const int64_t n = token ? s.rows : s.width;
  Norm norm{Values(x.size()), Values(x.size() / n, 0.0)};
  each(s, token, [&](int64_t v, int64_t, int64_t e) { norm.rstd[v] += x[e] * x[e]; });
  for (double& r : norm.rstd) r = 1 / std::sqrt(r / n + eps);
  each(s, token, [&](int64_t v, int64_t, int64_t e) { norm.y[e] = x[e] * norm.rstd[v]; });
  return norm;
}

/// residual + the product of x with w over the last axis or axis 1.
Values sum(const Values& x, const Values& w, const Values& residual, const Sizes& s, bool token) {
  Values result = residual;
  each(s, token, [&](int64_t v, int64_t o, int64_t e) {
    for (int64_t k = 0; k < s.in; ++k)
      result[e] += w[o * s.in + k] * (token ? x[(v / s.width * s.in + k) * s.width + v % s.width] : x[v * s.in + k]);
  });
  return result;
}

std::string text(const Sizes& s, bool token) {
  return std::string(token ? "token " : "") + to_string(Shape{s.batch, s.rows, s.width}) + " from " +
         std::to_string(s.in);
}

TEST_P(RmsNorm, LinearResidualRmsNorm) {
  for (const bool token : {false, true})
    for (const Sizes& s : all_sizes) {
      SCOPED_TRACE(text(s, token));
      const int64_t out = token ? s.rows : s.width;
      const Shape x_shape = token ? Shape{s.batch, s.in, s.width} : Shape{s.batch, s.rows, s.in},
                  shape{s.batch, s.rows, s.width};
      const auto x = random(x_shape.elements(), 1), w = random(out * s.in, 2, 1 / std::sqrt(static_cast<float>(s.in))),
                 residual = random(shape.elements(), 3);
      const Norm expected = rms_norm(sum(widen(x), widen(w), widen(residual), s, token), s, token);
      for (const bool packed : {true, false}) {
        const Weight weight =
            packed ? this->weight(w, out, s.in, token) : ops::make_weight(tensor(w, {out, s.in}), token);
        Tensor rstd;
        const Tensor y = ops::linear_residual_rms_norm(tensor(x, x_shape), weight, tensor(residual, shape), eps, &rstd);
        EXPECT_EQ(y.shape(), shape);
        EXPECT_LT(relative_error(y, expected.y), tolerance());
        EXPECT_LT(relative_error(rstd, expected.rstd), tolerance());
        EXPECT_EQ(y.to_vector<float>(),
                  ops::linear_residual_rms_norm(tensor(x, x_shape), weight, tensor(residual, shape), eps, nullptr)
                      .to_vector<float>());
      }
    }
}

TEST_P(RmsNorm, ResidualRmsNorm) {
  for (const Sizes& s : all_sizes) {
    SCOPED_TRACE(text(s, false));
    const Shape shape{s.batch, s.rows, s.width};
    const auto x = random(shape.elements(), 1), residual = random(shape.elements(), 3);
    Values sum = widen(x);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += residual[i];
    const Norm expected = rms_norm(sum, s, false);
    Tensor rstd;
    const Tensor y = ops::residual_rms_norm(tensor(x, shape), tensor(residual, shape), eps, &rstd);
    EXPECT_EQ(y.shape(), shape);
    EXPECT_LT(relative_error(y, expected.y), tolerance());
    EXPECT_LT(relative_error(rstd, expected.rstd), tolerance());
    EXPECT_EQ(y.to_vector<float>(),
              ops::residual_rms_norm(tensor(x, shape), tensor(residual, shape), eps, nullptr).to_vector<float>());
  }
}

/// The gradient of both inputs is that of their sum.
TEST_P(RmsNorm, ResidualBackwardMatchesFiniteDifferences) {
  const Sizes s{2, 3, 5, 0};
  const Shape shape{2, 3, 5};
  const auto x = random(30, 1), dy = random(30, 2), residual = random(30, 3);
  const auto f = [&](const Values& values) {
    Values sum = values;
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += residual[i];
    const Norm norm = rms_norm(sum, s, false);
    double total = 0;
    for (size_t i = 0; i < sum.size(); ++i) total += norm.y[i] * dy[i];
    return total;
  };
  Tensor rstd;
  const Tensor y = ops::residual_rms_norm(tensor(x, shape), tensor(residual, shape), eps, &rstd);
  EXPECT_LT(relative_error(ops::rms_norm_backward(tensor(dy, shape), y, rstd, false), finite_differences(f, widen(x))),
            tolerance());
}

TEST_P(RmsNorm, ResidualOfAnotherShapeIsRefused) {
  const Tensor x = tensor(random(30, 1), {2, 3, 5}), other = tensor(random(30, 2), {2, 5, 3});
  EXPECT_THROW(ops::residual_rms_norm(x, other, eps, nullptr), DeviceError);
}

TEST_P(RmsNorm, BackwardMatchesFiniteDifferences) {
  for (const bool token : {false, true}) {
    const Sizes s{2, 3, 5, 0};
    const auto x = random(30, 1), dy = random(30, 2);
    const auto f = [&](const Values& values) {
      const Norm norm = rms_norm(values, s, token);
      double total = 0;
      for (size_t i = 0; i < values.size(); ++i) total += norm.y[i] * dy[i];
      return total;
    };
    const Norm norm = rms_norm(widen(x), s, token);
    const Tensor y = tensor({norm.y.begin(), norm.y.end()}, {2, 3, 5});
    const Tensor rstd = floats({norm.rstd.begin(), norm.rstd.end()}, token ? Shape{2, 5} : Shape{2, 3});
    EXPECT_LT(
        relative_error(ops::rms_norm_backward(tensor(dy, {2, 3, 5}), y, rstd, token), finite_differences(f, widen(x))),
        tolerance());
  }
}

TEST_P(RmsNorm, BackwardIsTheFormula) {
  for (const bool token : {false, true})
    for (const Sizes& s : all_sizes) {
      SCOPED_TRACE(text(s, token));
      const Shape shape{s.batch, s.rows, s.width};
      const int64_t n = token ? s.rows : s.width, vectors = shape.elements() / n;
      const auto dy = random(shape.elements(), 1), y = random(shape.elements(), 2),
                 rstd = random_values(vectors, DType::float32, 3);
      Values dot(vectors, 0.0), ds(dy.size());
      each(s, token, [&](int64_t v, int64_t, int64_t e) { dot[v] += static_cast<double>(dy[e]) * y[e]; });
      each(s, token, [&](int64_t v, int64_t, int64_t e) { ds[e] = rstd[v] * (dy[e] - y[e] * dot[v] / n); });
      const Tensor scale = floats(rstd, token ? Shape{s.batch, s.width} : Shape{s.batch, s.rows});
      const Tensor result = ops::rms_norm_backward(tensor(dy, shape), tensor(y, shape), scale, token);
      EXPECT_LT(relative_error(result, ds), tolerance());
      EXPECT_EQ(result.to_vector<float>(),
                ops::rms_norm_backward(tensor(dy, shape), tensor(y, shape), scale, token).to_vector<float>());
    }
}

TEST_P(RmsNorm, ZerosAndLargeValues) {
  const Weight zero = weight(std::vector<float>(8 * 4, 0.0f), 8, 4);
  const Tensor x = tensor(std::vector<float>(2 * 4, 1.0f), {2, 4});
  std::vector<float> residual(2 * 8, 0.0f);
  for (int i = 8; i < 16; ++i) residual[i] = 1e15f;
  Tensor rstd;
  const auto y = ops::linear_residual_rms_norm(x, zero, tensor(residual, {2, 8}), eps, &rstd).to_vector<float>();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(y[i], 0.0f);
  for (int i = 8; i < 16; ++i) EXPECT_NEAR(y[i], 1.0f, tolerance());
  EXPECT_NEAR(rstd.to_vector<float>()[0], 1 / std::sqrt(eps), 1e-2);
}

}  // namespace
}  // namespace trm::testing
