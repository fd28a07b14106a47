#include "device/errors.h"
#include "device/kernels.h"
#include "tests/ops/harness.h"
#include "tests/ops/poison.h"

namespace trm::testing {
namespace {

struct Sizes {
  int64_t B, S, P, V, D, ndim;
  bool learned;
  int64_t N() const { return P + S; }
};

const std::vector<Sizes> cases{{2, 5, 0, 7, 6, 0, false},        {3, 4, 2, 5, 5, 8, true},
                               {2, 81, 16, 11, 512, 512, false}, {1, 33, 0, 300, 17, 0, true},
                               {2, 3, 3, 4, 10, 30, false},      {2, 40, 1, 9, 130, 100, true}};

class Embedding : public OpTest {
 protected:
  Tensor integers(const std::vector<int32_t>& values, const Shape& shape) const {
    return Tensor::from(values, shape, device());
  }
};

TEST_P(Embedding, PuzzlePositionsThenTokens) {
  for (const Sizes& s : cases) {
    const auto table = random(s.V * s.D, 1), positions = random(s.N() * s.D, 2),
               puzzles = random_values(s.B * s.ndim, DType::float32, 3);
    const auto tokens = random_integers(s.B * s.S, 0, static_cast<int32_t>(s.V), 4);
    const float scale = 1.7f;
    std::vector<double> expected;
    for (int64_t b = 0; b < s.B; ++b)
      for (int64_t n = 0; n < s.N(); ++n)
        for (int64_t d = 0; d < s.D; ++d) {
          const int64_t held = n * s.D + d;
          const double value =
              n < s.P ? (held < s.ndim ? puzzles[b * s.ndim + held] : 0) : table[tokens[b * s.S + n - s.P] * s.D + d];
          expected.push_back(scale * (value + (s.learned ? positions[held] : 0)));
        }
    const Tensor rows = s.P ? floats(puzzles, {s.B, s.ndim}) : Tensor(), learned = tensor(positions, {s.N(), s.D});
    Tensor out = poisoned({s.B, s.N(), s.D}, dtype(), device());
    kernels::input_embedding(integers(tokens, {s.B, s.S}), tensor(table, {s.V, s.D}), s.P ? &rows : nullptr,
                             s.learned ? &learned : nullptr, scale, out);
    EXPECT_LT(relative_error(out, expected), dtype() == DType::float32 ? 1e-6 : 1e-2);
  }
}

TEST_P(Embedding, BackwardScattersAndAdds) {
  for (const Sizes& s : cases) {
    const auto dx = random(s.B * s.N() * s.D, 1);
    const auto tokens = random_integers(s.B * s.S, 0, static_cast<int32_t>(s.V), 4);
    const auto before = random_values(s.V * s.D, DType::float32, 5),
               learned_before = random_values(s.N() * s.D, DType::float32, 6);
    const float scale = 0.7f;
    std::vector<double> table = widen(before), positions = widen(learned_before), puzzles(s.B * s.ndim);
    for (int64_t b = 0; b < s.B; ++b)
      for (int64_t n = 0; n < s.N(); ++n)
        for (int64_t d = 0; d < s.D; ++d) {
          const double g = static_cast<double>(scale) * dx[(b * s.N() + n) * s.D + d];
          positions[n * s.D + d] += g;
          if (n >= s.P)
            table[tokens[b * s.S + n - s.P] * s.D + d] += g;
          else if (n * s.D + d < s.ndim)
            puzzles[b * s.ndim + n * s.D + d] = g;
        }
    const auto run = [&] {
      std::vector<Tensor> out{floats(before, {s.V, s.D}), floats(learned_before, {s.N(), s.D}),
                              poisoned({s.B, s.ndim}, DType::float32, device())};
      ops::input_embedding_backward(tensor(dx, {s.B, s.N(), s.D}), integers(tokens, {s.B, s.S}), scale, out[0],
                                    s.P ? &out[2] : nullptr, s.learned ? &out[1] : nullptr);
      return out;
    };
    const auto first = run(), second = run();
    EXPECT_LT(relative_error(first[0], table), 1e-5);
    if (s.learned) {
      EXPECT_LT(relative_error(first[1], positions), 1e-5);
    }
    if (s.P) {
      EXPECT_LT(relative_error(first[2], puzzles), 1e-5);
    }
    EXPECT_EQ(first[0].to_vector<float>(), second[0].to_vector<float>());
  }
}

// out is linear in its inputs, so the backward is its transpose: <out(x), dx> = <x, backward(dx)>.
TEST_P(Embedding, BackwardIsTheTransposeOfForward) {
  const Sizes s{2, 6, 2, 5, 9, 13, true};
  const auto table = random(s.V * s.D, 1), positions = random(s.N() * s.D, 2), dx = random(s.B * s.N() * s.D, 7);
  const auto puzzles = random_values(s.B * s.ndim, dtype(), 3);
  const Tensor tokens = integers(random_integers(s.B * s.S, 0, 5, 4), {s.B, s.S}),
               rows = floats(puzzles, {s.B, s.ndim}), learned = tensor(positions, {s.N(), s.D});
  const auto out =
      ops::input_embedding(tokens, tensor(table, {s.V, s.D}), &rows, &learned, s.P, 2.0f).to_vector<float>();
  Tensor d_table = Tensor::zeros({s.V, s.D}, DType::float32, device()),
         d_rows = Tensor::zeros({s.B, s.ndim}, DType::float32, device()),
         d_learned = Tensor::zeros({s.N(), s.D}, DType::float32, device());
  ops::input_embedding_backward(tensor(dx, {s.B, s.N(), s.D}), tokens, 2.0f, d_table, &d_rows, &d_learned);
  const auto dot = [](const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
    return sum;
  };
  const double right = dot(table, d_table.to_vector<float>()) + dot(puzzles, d_rows.to_vector<float>()) +
                       dot(positions, d_learned.to_vector<float>());
  EXPECT_NEAR(dot(out, dx), right, (dtype() == DType::float32 ? 1e-5 : 2e-2) * std::max(1.0, std::abs(right)));
}

TEST_P(Embedding, GatherRows) {
  const auto table = random_values(7 * 13, DType::float32, 1);
  const std::vector<int32_t> ids{3, 0, 6, 3};
  std::vector<float> expected;
  for (const int32_t id : ids) expected.insert(expected.end(), table.begin() + id * 13, table.begin() + (id + 1) * 13);
  EXPECT_EQ(ops::gather_rows(floats(table, {7, 13}), integers(ids, {4})).to_vector<float>(), expected);
}

TEST_P(Embedding, DropPositionsAndBack) {
  const int64_t B = 3, N = 7, D = 5, count = 2;
  const auto x = random(B * N * D, 1);
  std::vector<float> kept, restored(x);
  for (int64_t i = 0; i < B * N * D; ++i) {
    if (i / D % N >= count)
      kept.push_back(x[i]);
    else
      restored[i] = 0;
  }
  const Tensor out = ops::drop_positions(tensor(x, {B, N, D}), count);
  EXPECT_EQ(out.to_vector<float>(), kept);
  Tensor dx = poisoned({B, N, D}, dtype(), device());
  kernels::drop_positions_backward(out, dx);
  EXPECT_EQ(dx.to_vector<float>(), restored);
  EXPECT_EQ(ops::drop_positions_backward(out, count).to_vector<float>(), restored);
  EXPECT_THROW(ops::drop_positions(tensor(x, {B, N, D}), N), DeviceError);
}

TEST_P(Embedding, IdsOutsideOfTheTableAreRefusedOnTheCpu) {
  if (device().kind != DeviceKind::cpu) GTEST_SKIP() << "other devices do not look at ids";
  const Tensor table = tensor(random(10, 1), {5, 2});
  EXPECT_THROW(ops::input_embedding(integers({0, 5}, {1, 2}), table, nullptr, nullptr, 0, 1), DeviceError);
  EXPECT_THROW(ops::input_embedding(integers({0, -1}, {1, 2}), table, nullptr, nullptr, 0, 1), DeviceError);
  EXPECT_THROW(ops::gather_rows(floats(std::vector<float>(10), {5, 2}), integers({5}, {1})), DeviceError);
}

TRM_OP_SUITE(Embedding);

}  // namespace
}  // namespace trm::testing
