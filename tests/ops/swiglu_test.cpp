#include <cmath>
#include <limits>

#include "device/errors.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

class Swiglu : public OpTest {};
TRM_OP_SUITE(Swiglu);

using Values = std::vector<double>;

struct Sizes {
  int64_t batch, rows, width, inner;  // x [batch, rows, width]; token: weights act on `rows`
};
// The width that the weights act on is `width`, or `rows` with token weights.
const Sizes all_sizes[] = {{1, 1, 3, 2},    {2, 5, 7, 3},     {1, 1, 96, 320},
                           {3, 35, 66, 17}, {2, 97, 48, 130}, {1, 150, 33, 65}};

double silu(double x) { return x / (1 + std::exp(-x)); }

/// x as rows of the axis that the weights act on: [batch · other, axis].
Values to_rows(const Values& x, int64_t batch, int64_t n, int64_t width, bool token) {
  if (!token) return x;
  Values rows(x.size());
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < n; ++i)
      for (int64_t d = 0; d < width; ++d) rows[(b * width + d) * n + i] = x[(b * n + i) * width + d];
  return rows;
}
Values from_rows(const Values& rows, int64_t batch, int64_t n, int64_t width, bool token) {
  return to_rows(rows, batch, width, n, token);
}

/// x [m, k] wᵀ, w [o, k]
Values linear(const Values& x, const Values& w, int64_t m, int64_t o, int64_t k) {
  Values y(m * o, 0.0);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < o; ++j)
      for (int64_t l = 0; l < k; ++l) y[i * o + j] += x[i * k + l] * w[j * k + l];
  return y;
}

Values swiglu(const Values& gate_up, int64_t m, int64_t inner) {
  Values h(m * inner);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < inner; ++j)
      h[i * inner + j] = silu(gate_up[i * 2 * inner + j]) * gate_up[(2 * i + 1) * inner + j];
  return h;
}

Values rms_norm(const Values& x, int64_t m, int64_t n, double eps) {
  Values y(x.size());
  for (int64_t i = 0; i < m; ++i) {
    double square = 0;
    for (int64_t j = 0; j < n; ++j) square += x[i * n + j] * x[i * n + j];
    for (int64_t j = 0; j < n; ++j) y[i * n + j] = x[i * n + j] / std::sqrt(square / n + eps);
  }
  return y;
}

struct Case {
  Sizes sizes;
  bool token;
  int64_t axis() const { return token ? sizes.rows : sizes.width; }
  int64_t other() const { return token ? sizes.width : sizes.rows; }
  int64_t m() const { return sizes.batch * other(); }
  int64_t elements() const { return sizes.batch * sizes.rows * sizes.width; }
  Shape shape(int64_t axis) const {
    return token ? Shape{sizes.batch, axis, sizes.width} : Shape{sizes.batch, sizes.rows, axis};
  }
  Values rows(const Values& x, int64_t axis) const { return to_rows(x, sizes.batch, axis, sizes.width, token); }
  Values back(const Values& x, int64_t axis) const { return from_rows(x, sizes.batch, axis, sizes.width, token); }
  std::string text() const {
    return std::string(token ? "token " : "") + to_string(Shape{sizes.batch, sizes.rows, sizes.width}) + ", inner " +
           std::to_string(sizes.inner);
  }
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const bool token : {false, true})
    for (const Sizes& sizes : all_sizes) all.push_back({sizes, token});
  return all;
}

TEST_P(Swiglu, Forward) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.text());
    const int64_t k = c.axis(), inner = c.sizes.inner;
    const auto x = random(c.elements(), 1), w = random(2 * inner * k, 2, 1.5f / std::sqrt(static_cast<float>(k)));
    const Values gate_up = linear(c.rows(widen(x), k), widen(w), c.m(), 2 * inner, k);
    const Values h = c.back(swiglu(gate_up, c.m(), inner), inner);
    for (const bool packed : {true, false}) {
      const Weight weight =
          packed ? this->weight(w, 2 * inner, k, c.token) : ops::make_weight(tensor(w, {2 * inner, k}), c.token);
      Tensor kept;
      EXPECT_LT(relative_error(ops::linear_swiglu(tensor(x, c.shape(k)), weight, nullptr), h), tolerance());
      const Tensor result = ops::linear_swiglu(tensor(x, c.shape(k)), weight, &kept);
      EXPECT_LT(relative_error(result, h), tolerance());
      EXPECT_LT(relative_error(kept, c.back(gate_up, 2 * inner)), tolerance());
      EXPECT_EQ(result.to_vector<float>(), ops::linear_swiglu(tensor(x, c.shape(k)), weight, &kept).to_vector<float>());
    }
  }
}

TEST_P(Swiglu, BackwardIsTheFormula) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.text());
    const int64_t k = c.axis(), inner = c.sizes.inner, m = c.m();
    const auto dy = random(c.elements(), 1), w = random(k * inner, 2, 1 / std::sqrt(static_cast<float>(k))),
               kept = random(m * 2 * inner, 3, 2.0f);  // in the layout of the tensor
    const Values gate_up = c.rows(widen(kept), 2 * inner), rows = c.rows(widen(dy), k), down = widen(w);
    Values d_gate_up(gate_up.size()), h = swiglu(gate_up, m, inner);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < inner; ++j) {
        double dh = 0;
        for (int64_t o = 0; o < k; ++o) dh += rows[i * k + o] * down[o * inner + j];
        const double g = gate_up[i * 2 * inner + j], u = gate_up[(2 * i + 1) * inner + j], s = 1 / (1 + std::exp(-g));
        d_gate_up[i * 2 * inner + j] = dh * u * s * (1 + g * (1 - s));
        d_gate_up[(2 * i + 1) * inner + j] = dh * g * s;
      }
    for (const bool packed : {true, false}) {
      const Weight weight =
          packed ? this->weight(w, k, inner, c.token) : ops::make_weight(tensor(w, {k, inner}), c.token);
      const auto gradient =
          ops::linear_swiglu_backward(tensor(dy, c.shape(k)), weight, tensor(kept, c.shape(2 * inner)));
      EXPECT_LT(relative_error(gradient.d_gate_up, c.back(d_gate_up, 2 * inner)), tolerance());
      EXPECT_LT(relative_error(gradient.h, c.back(h, inner)), tolerance());
      const auto again = ops::linear_swiglu_backward(tensor(dy, c.shape(k)), weight, tensor(kept, c.shape(2 * inner)));
      EXPECT_EQ(gradient.d_gate_up.to_vector<float>(), again.d_gate_up.to_vector<float>());
    }
  }
}

TEST_P(Swiglu, GradientMatchesFiniteDifferences) {
  for (const bool token : {false, true}) {
    const Case c{{2, 3, 4, 5}, token};
    const int64_t k = c.axis(), inner = 5, m = c.m();
    const auto kept = random(m * 2 * inner, 1), w = random(k * inner, 2), dy = random(c.elements(), 3);
    const Values dy_rows = c.rows(widen(dy), k), down = widen(w);
    const auto f = [&](const Values& gate_up) {
      const Values y = linear(swiglu(c.rows(gate_up, 2 * inner), m, inner), down, m, k, inner);
      double sum = 0;
      for (size_t i = 0; i < y.size(); ++i) sum += y[i] * dy_rows[i];
      return sum;
    };
    const auto gradient = ops::linear_swiglu_backward(tensor(dy, c.shape(k)), weight(w, k, inner, token),
                                                      tensor(kept, c.shape(2 * inner)));
    EXPECT_LT(relative_error(gradient.d_gate_up, finite_differences(f, widen(kept))), tolerance());
  }
}

TEST_P(Swiglu, BlockKeepsNothingAndAgrees) {
  constexpr float eps = 1e-5f;
  for (const Case& c : cases()) {
    if (c.axis() == 1) continue;  // the norm of one number is its sign
    SCOPED_TRACE(c.text());
    const int64_t k = c.axis(), inner = c.sizes.inner, m = c.m();
    const auto x = random(c.elements(), 1), up = random(2 * inner * k, 2, 1 / std::sqrt(static_cast<float>(k))),
               down = random(k * inner, 3, 1 / std::sqrt(static_cast<float>(inner)));
    const Values rows = c.rows(widen(x), k);
    Values sum = linear(swiglu(linear(rows, widen(up), m, 2 * inner, k), m, inner), widen(down), m, k, inner);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += rows[i];
    const Values expected = c.back(rms_norm(sum, m, k, eps), k);
    for (const bool packed : {true, false}) {
      const Weight first =
          packed ? weight(up, 2 * inner, k, c.token) : ops::make_weight(tensor(up, {2 * inner, k}), c.token);
      const Weight second =
          packed ? weight(down, k, inner, c.token) : ops::make_weight(tensor(down, {k, inner}), c.token);
      const Tensor y = ops::swiglu_block(tensor(x, c.shape(k)), first, second, eps);
      EXPECT_LT(relative_error(y, expected), tolerance());
      EXPECT_EQ(y.to_vector<float>(), ops::swiglu_block(tensor(x, c.shape(k)), first, second, eps).to_vector<float>());
    }
  }
}

TEST_P(Swiglu, LargeGatesStayFinite) {
  const std::vector<float> gates{-1e4f, -100.0f, -89.0f, -20.0f, 0.0f, 20.0f, 89.0f, 100.0f, 1e4f};
  const int64_t inner = static_cast<int64_t>(gates.size());
  std::vector<float> kept = gates, identity(inner * inner, 0.0f);
  kept.resize(2 * inner, 1.0f);
  for (int64_t i = 0; i < inner; ++i) identity[i * inner + i] = 1.0f;
  const auto gradient = ops::linear_swiglu_backward(tensor(std::vector<float>(inner, 1.0f), {1, inner}),
                                                    weight(identity, inner, inner), tensor(kept, {1, 2 * inner}));
  const auto h = gradient.h.to_vector<float>(), d = gradient.d_gate_up.to_vector<float>();
  const auto rounded = tensor(kept, {2 * inner}).to_vector<float>();
  for (int64_t i = 0; i < inner; ++i) {
    const double g = rounded[i], s = 1 / (1 + std::exp(-g));
    EXPECT_NEAR(h[i], g * s, tolerance() * std::max(1.0, std::abs(g * s)));
    EXPECT_NEAR(d[i], s * (1 + g * (1 - s)), tolerance());
    EXPECT_NEAR(d[inner + i], g * s, tolerance() * std::max(1.0, std::abs(g * s)));
  }
}

TEST_P(Swiglu, NotANumberIsPassedOn) {
  const int64_t inner = 33;  // whole vectors and a rest
  std::vector<float> kept(2 * inner, 1.0f), identity(inner * inner, 0.0f);
  for (int64_t i = 0; i < inner; ++i) identity[i * inner + i] = 1.0f;
  for (const int64_t i : {int64_t{3}, inner - 1}) kept[i] = std::numeric_limits<float>::quiet_NaN();
  const auto gradient = ops::linear_swiglu_backward(tensor(std::vector<float>(inner, 1.0f), {1, inner}),
                                                    weight(identity, inner, inner), tensor(kept, {1, 2 * inner}));
  const auto h = gradient.h.to_vector<float>(), d = gradient.d_gate_up.to_vector<float>();
  for (int64_t i = 0; i < inner; ++i)
    for (const float value : {h[i], d[i], d[inner + i]}) EXPECT_EQ(std::isnan(value), i == 3 || i == inner - 1) << i;
}

TEST_P(Swiglu, OddGateUpIsRefused) {
  EXPECT_THROW(ops::linear_swiglu(tensor(random(8, 1), {2, 4}), weight(random(12, 2), 3, 4), nullptr), DeviceError);
}

}  // namespace
}  // namespace trm::testing
