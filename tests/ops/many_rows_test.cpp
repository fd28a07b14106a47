// More rows than the axes y and z of a GPU's grid have blocks (65535): each is as it is among few. Rows repeat
// themselves, so that few runs are the reference; other suites compare those with float64.
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

constexpr int64_t many = 70001, few = 97;

class ManyRows : public OpTest {
 protected:
  template <class T>
  static std::vector<T> repeated(const std::vector<T>& values) {
    const size_t width = values.size() / few;
    std::vector<T> all(width * many);
    for (size_t i = 0; i < all.size(); ++i) all[i] = values[i % values.size()];
    return all;
  }
  void expect_repeated(const Tensor& all, const Tensor& some) const {
    EXPECT_LT(relative_error(all, widen(repeated(some.to_vector<float>()))), tolerance());
  }
  /// Runs on few rows and on many, and compares what is returned.
  template <class F>
  void expect_the_same(const F& run) const {
    const std::vector<Tensor> some = run(few), all = run(many);
    for (size_t i = 0; i < some.size(); ++i) expect_repeated(all[i], some[i]);
  }
  /// [rows, N, D], repeating after `few` rows.
  Tensor rows_of(int64_t rows, int64_t N, int64_t D, uint64_t seed) const {
    const auto values = random(few * N * D, seed);
    return tensor(rows == few ? values : repeated(values), {rows, N, D});
  }
};

TEST_P(ManyRows, AreReplaced) {
  std::vector<uint8_t> halted(few);
  for (int64_t i = 0; i < few; ++i) halted[i] = i % 3 == 0;
  const Tensor init = tensor(random(3, 1), {3});
  expect_the_same([&](int64_t rows) {
    const Tensor which = Tensor::from(rows == few ? halted : repeated(halted), {rows}, device());
    Tensor reset = rows_of(rows, 1, 3, 2), selected = rows_of(rows, 1, 3, 2);
    ops::reset_rows(which, init, reset);
    ops::select_rows(which, rows_of(rows, 1, 3, 3), selected);
    return std::vector<Tensor>{reset, selected};
  });
}

TEST_P(ManyRows, OfPuzzlesAreReadAndTrained) {
  const int64_t P = 5, W = 2;
  const auto table = random_values(P * W, DType::float32, 1);
  std::vector<int32_t> ids(many);
  for (int64_t i = 0; i < many; ++i) ids[i] = static_cast<int32_t>(i % 4);
  std::vector<float> gathered, rows;
  std::vector<double> sums(P * W), expected = widen(table);
  const auto steps = random_integers(many * W, -3, 4, 2);
  for (int64_t i = 0; i < many * W; ++i) {
    const int64_t at = ids[i / W] * W + i % W;
    gathered.push_back(table[at]);
    rows.push_back(static_cast<float>(steps[i]));
    sums[at] += steps[i];
  }
  Tensor trained = floats(table, {P, W}),
         counters = Tensor::from(std::vector<int64_t>(Counter::count), {Counter::count}, device()),
         control = Tensor::zeros({Control::count}, DType::float32, device());
  const Tensor which = Tensor::from(ids, {many}, device());
  EXPECT_EQ(ops::gather_rows(trained, which).to_vector<float>(), gathered);
  ops::plan_update({}, floats({1}, {1}), nullptr, counters, control);
  ops::sign_sgd(floats(rows, {many, W}), which, control, floats({0.01f, 0}, {Rate::count}), 0, trained);
  for (int64_t i = 0; i < P * W; ++i) expected[i] -= 0.01 * ((sums[i] > 0) - (sums[i] < 0));
  EXPECT_LT(relative_error(trained, expected), 1e-6);
}

TEST_P(ManyRows, OfTokenProductsAndTheirNorm) {
  const int64_t N = 2, I = 3, D = 2;
  const Weight w = weight(random(N * I, 1), N, I, true);
  expect_the_same([&](int64_t rows) {
    const Tensor x = rows_of(rows, I, D, 2), residual = rows_of(rows, N, D, 3), dy = rows_of(rows, N, D, 4);
    Tensor rstd;
    const Tensor y = ops::linear_residual_rms_norm(x, w, residual, 1e-5f, &rstd);
    return std::vector<Tensor>{ops::token_linear(x, w), ops::token_linear_backward_input(dy, w), y, rstd,
                               ops::rms_norm_backward(dy, y, rstd, true)};
  });
}

TEST_P(ManyRows, OfAttention) {
  for (const int64_t head_dim : {4, 32})
    expect_the_same([&](int64_t rows) {
      const int64_t N = head_dim == 4 ? 2 : 1;
      const Tensor qkv = rows_of(rows, N, 3 * head_dim, 1), dout = rows_of(rows, N, head_dim, 2);
      Tensor lse;
      const Tensor out = ops::attention(qkv, 1, true, &lse);
      return std::vector<Tensor>{out, lse, ops::attention_backward(dout, qkv, out, lse, 1, true)};
    });
}

TEST_P(ManyRows, AsHeadsOfADecodedPosition) {
  const int64_t inner = 2 * many;
  const auto qkv = repeated(random(3 * 2 * few, 1));
  Tensor keys = tensor(std::vector<float>(inner), {1, 1, inner}),
         values = tensor(std::vector<float>(inner), {1, 1, inner});
  const Tensor first = Tensor::from(std::vector<int32_t>{0}, {1}, device());
  const Tensor out =
      ops::attention_cached(tensor(qkv, {1, 1, 3 * inner}), first, first, static_cast<int>(many), keys, values);
  EXPECT_EQ(out.to_vector<float>(), std::vector<float>(qkv.begin() + 2 * inner, qkv.end()))
      << "the only value there is";
}

TEST_P(ManyRows, OfEmbeddings) {
  const int64_t V = 100, D = 2;
  const auto table = random(V * D, 1), dx = random(few * D, 2);
  const auto tokens = random_integers(many, 0, static_cast<int32_t>(V), 3);
  std::vector<double> out, gradient(V * D);
  for (int64_t i = 0; i < many * D; ++i) {
    const int64_t at = tokens[i / D] * D + i % D;
    out.push_back(table[at]);
    gradient[at] += dx[i % (few * D)];
  }
  const Tensor places = Tensor::from(tokens, {many, 1}, device());
  Tensor d_table = Tensor::zeros({V, D}, DType::float32, device());
  EXPECT_LT(relative_error(ops::input_embedding(places, tensor(table, {V, D}), nullptr, nullptr, 0, 1), out),
            tolerance());
  ops::input_embedding_backward(tensor(repeated(dx), {many, 1, D}), places, 1, d_table, nullptr, nullptr);
  EXPECT_LT(relative_error(d_table, gradient), 1e-4) << "sums of 700 values in float32";
}

TRM_OP_SUITE(ManyRows);

}  // namespace
}  // namespace trm::testing
