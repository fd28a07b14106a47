#include <limits>

#include "device/cpu/gemm.h"
#include "device/errors.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

class Products : public OpTest {};
TRM_OP_SUITE(Products);

/// a [m, k] b [k, n] in float64.
std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b, int64_t m, int64_t k,
                            int64_t n) {
  std::vector<double> c(m * n, 0.0);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t l = 0; l < k; ++l)
      for (int64_t j = 0; j < n; ++j) c[i * n + j] += a[i * k + l] * b[l * n + j];
  return c;
}

std::vector<double> transpose(const std::vector<double>& a, int64_t rows, int64_t columns) {
  std::vector<double> t(a.size());
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) t[j * rows + i] = a[i * columns + j];
  return t;
}

std::vector<double> slice(const std::vector<double>& a, int64_t first, int64_t count) {
  return {a.begin() + first, a.begin() + first + count};
}

struct Sizes {
  int64_t m, out, in;
};
// One row and few rows (decoding), odd sizes, more rows than a chunk, the models' widths, more inputs than cache lines
// hold evenly.
const Sizes linear_sizes[] = {{1, 1, 1},    {1, 33, 65},    {3, 130, 70},    {8, 1000, 384},
                              {67, 49, 31}, {200, 130, 70}, {193, 512, 384}, {1, 5000, 37}};

TEST_P(Products, LinearForwardAndInputGradient) {
  for (const auto [m, out, in] : linear_sizes) {
    SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(out) + " x " + std::to_string(in));
    const auto x = random(m * in, 1), w = random(out * in, 2, 1 / std::sqrt(static_cast<float>(in))),
               dy = random(m * out, 3), start = random(m * in, 4);
    for (const bool packed : {true, false}) {
      const Weight weight = packed ? this->weight(w, out, in) : ops::make_weight(tensor(w, {out, in}));
      const Tensor y = ops::linear(tensor(x, {m, in}), weight);
      EXPECT_LT(relative_error(y, product(widen(x), transpose(widen(w), out, in), m, in, out)), tolerance());
      EXPECT_EQ(y.to_vector<float>(), ops::linear(tensor(x, {m, in}), weight).to_vector<float>());
      auto expected = product(widen(dy), widen(w), m, out, in);
      EXPECT_LT(relative_error(ops::linear_backward_input(tensor(dy, {m, out}), weight), expected), tolerance());
      for (size_t i = 0; i < expected.size(); ++i) expected[i] += start[i];
      Tensor dx = tensor(start, {m, in});
      ops::linear_backward_input_into(tensor(dy, {m, out}), weight, dx);
      EXPECT_LT(relative_error(dx, expected), tolerance());
    }
  }
}

TEST_P(Products, LinearApartGivesEachRowTheBitsThatItHasAlone) {
  for (const auto& [out, in] : {std::pair{1, 1}, {130, 70}, {512, 384}, {77, 1030}, {40, 8}, {33, 100}})
    for (const int64_t m : {1, 2, 4, 7, 8, 13}) {
      SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(out) + " x " + std::to_string(in));
      const auto x = random(m * in, 1), w = random(out * in, 2, 1 / std::sqrt(static_cast<float>(in)));
      const Weight weight = this->weight(w, out, in);
      const Tensor rows = tensor(x, {m, in}), y = ops::linear_apart(rows, weight);
      EXPECT_LT(relative_error(y, product(widen(x), transpose(widen(w), out, in), m, in, out)), tolerance());
      for (int64_t r = 0; r < m; ++r)
        ASSERT_EQ(y.rows(r, 1).to_vector<float>(), ops::linear(rows.rows(r, 1), weight).to_vector<float>())
            << "row " << r;
    }
}

TEST(EmptyProducts, ASumOfNothingIsZeroAndAddsNothing) {
  for (const bool packed : {false, true}) {
    std::vector<float> c(8, std::numeric_limits<float>::quiet_NaN()), kept(8, 7.0f);
    const auto product = [&](std::vector<float>& to, bool accumulate) {
      const cpu::Matrix a = cpu::row_major(nullptr, DType::float32, 0), b = cpu::row_major(nullptr, DType::float32, 3);
      if (packed)
        cpu::gemm_packed(2, 3, 0, a, nullptr, to.data(), DType::float32, 4, accumulate);
      else
        cpu::gemm(2, 3, 0, a, b, to.data(), DType::float32, 4, accumulate);
    };
    product(c, false);
    for (const int i : {0, 1, 2, 4, 5, 6}) EXPECT_EQ(c[static_cast<size_t>(i)], 0.0f);
    EXPECT_TRUE(std::isnan(c[3]) && std::isnan(c[7])) << "what lies between the rows is not touched";
    product(kept, true);
    EXPECT_EQ(kept, std::vector<float>(8, 7.0f));
  }
}

TEST_P(Products, LeadingAxesAreKept) {
  const auto x = random(2 * 3 * 20, 1), w = random(10 * 20, 2);
  const Tensor y = ops::linear(tensor(x, {2, 3, 20}), weight(w, 10, 20));
  EXPECT_EQ(y.shape(), (Shape{2, 3, 10}));
  EXPECT_LT(relative_error(y, product(widen(x), transpose(widen(w), 10, 20), 6, 20, 10)), tolerance());
}

TEST_P(Products, WeightGradientIsAddedInFloat32) {
  for (const auto [m, out, in] : {Sizes{1, 3, 5}, Sizes{37, 65, 33}, Sizes{515, 130, 70}, Sizes{300, 256, 128}}) {
    SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(out) + " x " + std::to_string(in));
    const auto x = random(m * in, 1), dy = random(m * out, 2), start = random_values(out * in, DType::float32, 3);
    auto expected = product(transpose(widen(dy), m, out), widen(x), out, m, in);
    for (size_t i = 0; i < expected.size(); ++i) expected[i] += start[i];
    Tensor dw = floats(start, {out, in}), again = floats(start, {out, in});
    ops::linear_backward_weight(tensor(dy, {m, out}), tensor(x, {m, in}), dw);
    EXPECT_LT(relative_error(dw, expected), 1e-5);
    ops::linear_backward_weight(tensor(dy, {m, out}), tensor(x, {m, in}), again);
    EXPECT_EQ(dw.to_vector<float>(), again.to_vector<float>());
  }
}

struct TokenSizes {
  int64_t batch, out, in, width;
};
const TokenSizes token_sizes[] = {{1, 1, 1, 1},     {2, 5, 3, 7},     {3, 66, 17, 33},
                                  {1, 33, 70, 130}, {5, 512, 97, 48}, {2, 97, 256, 64}};

TEST_P(Products, TokenForwardAndInputGradient) {
  for (const auto [batch, out, in, width] : token_sizes) {
    SCOPED_TRACE(std::to_string(batch) + " x " + std::to_string(out) + " x " + std::to_string(in) + " x " +
                 std::to_string(width));
    const auto x = random(batch * in * width, 1), w = random(out * in, 2, 1 / std::sqrt(static_cast<float>(in))),
               dy = random(batch * out * width, 3), start = random(batch * in * width, 4);
    std::vector<double> y, dx, sum;
    for (int64_t b = 0; b < batch; ++b) {
      const auto row = product(widen(w), slice(widen(x), b * in * width, in * width), out, in, width);
      const auto back =
          product(transpose(widen(w), out, in), slice(widen(dy), b * out * width, out * width), in, out, width);
      y.insert(y.end(), row.begin(), row.end());
      dx.insert(dx.end(), back.begin(), back.end());
    }
    for (size_t i = 0; i < dx.size(); ++i) sum.push_back(dx[i] + start[i]);
    for (const bool packed : {true, false}) {
      const Weight weight = packed ? this->weight(w, out, in, true) : ops::make_weight(tensor(w, {out, in}), true);
      const Tensor result = ops::token_linear(tensor(x, {batch, in, width}), weight);
      EXPECT_LT(relative_error(result, y), tolerance());
      EXPECT_EQ(result.to_vector<float>(), ops::token_linear(tensor(x, {batch, in, width}), weight).to_vector<float>());
      EXPECT_LT(relative_error(ops::token_linear_backward_input(tensor(dy, {batch, out, width}), weight), dx),
                tolerance());
      Tensor into = tensor(start, {batch, in, width});
      ops::token_linear_backward_input_into(tensor(dy, {batch, out, width}), weight, into);
      EXPECT_LT(relative_error(into, sum), tolerance());
    }
  }
}

TEST_P(Products, TokenWeightGradientIsAddedInFloat32) {
  for (const auto [batch, out, in, width] : token_sizes) {
    SCOPED_TRACE(std::to_string(batch) + " x " + std::to_string(out) + " x " + std::to_string(in) + " x " +
                 std::to_string(width));
    const auto x = random(batch * in * width, 1), dy = random(batch * out * width, 2),
               start = random_values(out * in, DType::float32, 3);
    std::vector<double> expected = widen(start);
    for (int64_t b = 0; b < batch; ++b) {
      const auto part = product(slice(widen(dy), b * out * width, out * width),
                                transpose(slice(widen(x), b * in * width, in * width), in, width), out, width, in);
      for (size_t i = 0; i < part.size(); ++i) expected[i] += part[i];
    }
    Tensor dw = floats(start, {out, in}), again = floats(start, {out, in});
    ops::token_linear_backward_weight(tensor(dy, {batch, out, width}), tensor(x, {batch, in, width}), dw);
    EXPECT_LT(relative_error(dw, expected), 1e-5);
    ops::token_linear_backward_weight(tensor(dy, {batch, out, width}), tensor(x, {batch, in, width}), again);
    EXPECT_EQ(dw.to_vector<float>(), again.to_vector<float>());
  }
}

TEST_P(Products, RepackFollowsTheWeight) {
  const auto x = random(90 * 40, 1), first = random(70 * 40, 2), second = random(70 * 40, 3);
  Weight weight = this->weight(first, 70, 40);
  weight.value.copy_from(tensor(second, {70, 40}));
  ops::repack(weight);
  EXPECT_LT(relative_error(ops::linear(tensor(x, {90, 40}), weight),
                           product(widen(x), transpose(widen(second), 70, 40), 90, 40, 70)),
            tolerance());
}

// More weights than one launch takes: the same bits as one by one.
TEST_P(Products, RepackOfManyWeights) {
  std::vector<Weight> alone, together;
  std::vector<Weight*> all;
  for (int i = 0; i < 40; ++i) {
    const int64_t out = 16 * (1 + i % 7), in = 8 * (3 + i % 5);
    alone.push_back(weight(random(out * in, 10 + i), out, in, i % 3 == 0));
    together.push_back(ops::make_weight(alone.back().value, alone.back().token));
  }
  for (Weight& w : together) all.push_back(&w);
  ops::repack(all);
  for (size_t i = 0; i < all.size(); ++i) {
    const Weight &one = alone[i], &other = together[i];
    const int64_t in = one.in(), out = one.out();
    if (one.token) {
      const Tensor x = tensor(random(2 * in * 24, 5), {2, in, 24}), dy = tensor(random(2 * out * 24, 6), {2, out, 24});
      EXPECT_EQ(ops::token_linear(x, one).to_vector<float>(), ops::token_linear(x, other).to_vector<float>());
      EXPECT_EQ(ops::token_linear_backward_input(dy, one).to_vector<float>(),
                ops::token_linear_backward_input(dy, other).to_vector<float>());
    } else {
      const Tensor x = tensor(random(9 * in, 5), {9, in}), dy = tensor(random(9 * out, 6), {9, out});
      EXPECT_EQ(ops::linear_swiglu(x, one, nullptr).to_vector<float>(),
                ops::linear_swiglu(x, other, nullptr).to_vector<float>());
      EXPECT_EQ(ops::linear_backward_input(dy, one).to_vector<float>(),
                ops::linear_backward_input(dy, other).to_vector<float>());
    }
  }
}

TEST_P(Products, NotANumberSpreads) {
  auto x = random(70 * 40, 1);
  x[5 * 40 + 3] = NAN;
  const auto y = ops::linear(tensor(x, {70, 40}), weight(random(30 * 40, 2), 30, 40)).to_vector<float>();
  EXPECT_TRUE(std::isnan(y[5 * 30]));
  EXPECT_FALSE(std::isnan(y[6 * 30]));
}

TEST_P(Products, NoRows) {
  EXPECT_EQ(ops::linear(tensor({}, {0, 40}), weight(random(30 * 40, 2), 30, 40)).shape(), (Shape{0, 30}));
  Tensor dw = floats(std::vector<float>(30 * 40, 1.0f), {30, 40});
  ops::linear_backward_weight(tensor({}, {0, 30}), tensor({}, {0, 40}), dw);
  EXPECT_EQ(dw.to_vector<float>(), std::vector<float>(30 * 40, 1.0f));
}

TEST_P(Products, ShapesThatDoNotFitAreNamed) {
  const Weight w = weight(random(30 * 40, 2), 30, 40);
  try {
    ops::linear(tensor(random(2 * 41, 1), {2, 41}), w);
    FAIL() << "no error";
  } catch (const DeviceError& error) {
    EXPECT_NE(std::string(error.what()).find("linear"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("[2, 41]"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("[30, 40]"), std::string::npos);
  }
  EXPECT_THROW(ops::token_linear(tensor(random(2 * 40 * 3, 1), {2, 40, 3}), w), DeviceError);
}

}  // namespace
}  // namespace trm::testing
