// Muon's ops. Newton-Schulz acts on singular values alone: U S Vᵀ becomes U f(S) Vᵀ, which Eigen's decomposition in
// float64 gives.
#include <Eigen/Dense>

#include "device/errors.h"
#include "tests/ops/harness.h"
#include "tests/ops/poison.h"

namespace trm::testing {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

class MuonOps : public OpTest {
 protected:
  Tensor f32(const std::vector<float>& values) const { return floats(values, {static_cast<int64_t>(values.size())}); }
  Tensor control(float clip, float apply = 1) const {
    std::vector<float> slots(Control::count, 1.0f);
    slots[Control::clip] = clip;
    slots[Control::apply] = apply;
    return f32(slots);
  }
  /// What the matrix engine's type allows: the devices that have one work in bfloat16.
  double iteration_tolerance() const { return device().kind == DeviceKind::cuda ? 8e-2 : 2e-4; }
  void expect_iteration(const std::vector<Matrix>& matrices, const NewtonSchulz& iteration, float scale,
                        const std::vector<Matrix>& expected);
};

/// As a device stores it, with gaps before and behind; the gaps must stay.
void MuonOps::expect_iteration(const std::vector<Matrix>& matrices, const NewtonSchulz& iteration, float scale,
                               const std::vector<Matrix>& expected) {
  constexpr int64_t gap = 7;
  const int64_t rows = matrices[0].rows(), columns = matrices[0].cols(), n = rows * columns;
  std::vector<float> flat(gap, -3);
  std::vector<int64_t> offsets;
  for (const Matrix& m : matrices) {
    offsets.push_back(static_cast<int64_t>(flat.size()));
    for (int64_t i = 0; i < n; ++i) flat.push_back(static_cast<float>(m.data()[i]));
    flat.insert(flat.end(), gap, -3);
  }
  Tensor u = f32(flat);
  const Tensor at = Tensor::from(offsets, {static_cast<int64_t>(offsets.size())}, device());
  ops::newton_schulz(at, rows, columns, iteration, scale, u);
  const auto got = u.to_vector<float>();
  Tensor again = f32(flat);
  ops::newton_schulz(at, rows, columns, iteration, scale, again);
  EXPECT_EQ(again.to_vector<float>(), got) << "the same bits";
  size_t begin = 0;
  for (size_t z = 0; z < matrices.size(); ++z) {
    for (; begin < static_cast<size_t>(offsets[z]); ++begin) ASSERT_EQ(got[begin], -3) << "a gap was written";
    begin += static_cast<size_t>(n);
    const std::vector<float> one(got.begin() + offsets[z], got.begin() + offsets[z] + n);
    EXPECT_LT(relative_error(one, std::vector<double>(expected[z].data(), expected[z].data() + n)),
              iteration_tolerance())
        << "matrix " << z;
  }
  for (; begin < got.size(); ++begin) ASSERT_EQ(got[begin], -3) << "a gap was written";
}

Matrix random_matrix(int64_t rows, int64_t columns, uint64_t seed) {
  const auto values = random_values(rows * columns, DType::float32, seed);
  Matrix m(rows, columns);
  for (int64_t i = 0; i < rows * columns; ++i) m.data()[i] = values[i];
  return m;
}

Matrix rounded(Matrix m) {
  for (int64_t i = 0; i < m.size(); ++i) m.data()[i] = static_cast<float>(bfloat16(static_cast<float>(m.data()[i])));
  return m;
}

/// U f(S / max(‖S‖, 1e-7)) Vᵀ of the matrix rounded to bfloat16, f = `steps` times a s + b s³ + c s⁵; scaled. The norm
/// is that of the matrix before rounding.
Matrix reference(const Matrix& given, const NewtonSchulz& s, double scale) {
  const double norm = std::max(given.norm(), 1e-7);
  const Eigen::BDCSVD<Eigen::MatrixXd> svd(rounded(given) / norm, Eigen::ComputeThinU | Eigen::ComputeThinV);
  Eigen::VectorXd values = svd.singularValues();
  for (int step = 0; step < s.steps; ++step)
    for (double& x : values) x = double{s.a} * x + double{s.b} * x * x * x + double{s.c} * x * x * x * x * x;
  return scale * svd.matrixU() * values.asDiagonal() * svd.matrixV().transpose();
}

TEST_P(MuonOps, NewtonSchulzOfBothOrientations) {
  struct Case {
    int64_t rows, columns;
    int count;
  };
  for (const Case& c : {Case{12, 40, 3}, {40, 12, 2}, {33, 33, 1}, {1, 17, 2}, {17, 1, 1}, {97, 31, 4}, {64, 130, 2}})
    for (const int steps : {1, 3, 5}) {
      NewtonSchulz iteration;
      iteration.steps = steps;
      std::vector<Matrix> matrices, expected;
      for (int z = 0; z < c.count; ++z) {
        matrices.push_back(random_matrix(c.rows, c.columns, static_cast<uint64_t>(100 * z + c.rows)) *
                           std::pow(10.0, z - 1));
        expected.push_back(reference(matrices[z], iteration, 1.5));
      }
      SCOPED_TRACE(std::to_string(c.rows) + " x " + std::to_string(c.columns) + ", " + std::to_string(steps) +
                   " steps");
      expect_iteration(matrices, iteration, 1.5f, expected);
    }
}

/// With the coefficients that converge, s ← s (15 - 10 s² + 3 s⁴) / 8, the limit is U Vᵀ; with Muon's own the singular
/// values stay about 1.
TEST_P(MuonOps, ManyStepsGiveTheOrthogonalFactor) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{24, 60}, {60, 24}}) {
    const Matrix m = rounded(random_matrix(rows, columns, 9));
    const Eigen::BDCSVD<Eigen::MatrixXd> svd(m, Eigen::ComputeThinU | Eigen::ComputeThinV);
    expect_iteration({m}, {30, 1.875f, -1.25f, 0.375f}, 1, {svd.matrixU() * svd.matrixV().transpose()});

    std::vector<float> values(m.size());
    for (int64_t i = 0; i < m.size(); ++i) values[i] = static_cast<float>(m.data()[i]);
    Tensor u = f32(values);
    ops::newton_schulz(Tensor::from(std::vector<int64_t>{0}, {1}, device()), rows, columns,
                       {5, 3.4445f, -4.7750f, 2.0315f}, 1, u);
    const auto got = u.to_vector<float>();
    Matrix x(rows, columns);
    for (int64_t i = 0; i < x.size(); ++i) x.data()[i] = got[i];
    const Eigen::VectorXd singular = Eigen::BDCSVD<Eigen::MatrixXd>(x).singularValues();
    EXPECT_GT(singular.minCoeff(), 0.6);
    EXPECT_LT(singular.maxCoeff(), 1.3);
  }
}

TEST_P(MuonOps, AMatrixOfZerosStaysAndNothingIsDivided) {
  Tensor u = f32(std::vector<float>(12 * 5, 0.0f));
  ops::newton_schulz(Tensor::from(std::vector<int64_t>{0}, {1}, device()), 12, 5, {}, 1, u);
  EXPECT_EQ(u.to_vector<float>(), std::vector<float>(12 * 5, 0.0f));
}

TEST_P(MuonOps, MomentumInNesterovsForm) {
  for (const int64_t n : {1, 1000, 70001}) {
    const auto start = random(n, 1);
    std::vector<double> expected = widen(start), direction(n);
    Tensor buffer = f32(start);
    for (int t = 0; t < 3; ++t) {
      const auto g = random(n, 10 + t);
      Tensor u = poisoned({n}, DType::float32, device());
      ops::muon_momentum(f32(g), control(0.5f), 0.6f, buffer, u);
      for (int64_t i = 0; i < n; ++i) {
        expected[i] = 0.6 * expected[i] + 0.4 * 0.5 * g[i];
        direction[i] = 0.6 * expected[i] + 0.4 * 0.5 * g[i];
      }
      EXPECT_LT(relative_error(u, direction), tolerance());
    }
    EXPECT_LT(relative_error(buffer, expected), tolerance());
  }
}

TEST_P(MuonOps, StepDecaysTheWeightsAndWritesTheCopies) {
  for (const int64_t n : {1, 70001}) {
    const auto start = random(n, 1), u = random(n, 2), average = random(n, 3);
    Tensor p = f32(start), ema = f32(average), narrow = poisoned({n}, DType::bfloat16, device()), none;
    ops::muon_step(f32(u), control(1), f32({0.02f, 0.9f}), 0.5f, p, ema, narrow);
    std::vector<double> expected(n), followed(n);
    for (int64_t i = 0; i < n; ++i) {
      expected[i] = start[i] * (1 - 0.02 * 0.5) - 0.02 * u[i];
      followed[i] = 0.9 * average[i] + 0.1 * expected[i];
    }
    EXPECT_LT(relative_error(p, expected), 1e-6);
    EXPECT_LT(relative_error(ema, followed), 1e-6);
    const auto copy = narrow.to_vector<float>(), wide = p.to_vector<float>();
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(copy[i], static_cast<float>(bfloat16(wide[i])));
    ops::muon_step(f32(u), control(1), f32({0, 0}), 0.5f, p, none, none);
    EXPECT_EQ(p.to_vector<float>(), wide) << "a rate of zero changes nothing";
  }
}

TEST_P(MuonOps, ASkippedStepChangesNothing) {
  const auto values = random(50, 1);
  std::vector<float> g = random(50, 2);
  g[3] = std::nanf("");
  Tensor buffer = f32(values), p = f32(values), ema = f32(values), narrow = poisoned({50}, DType::bfloat16, device()),
         u = poisoned({50}, DType::float32, device());
  ops::muon_momentum(f32(g), control(std::nanf(""), 0), 0.6f, buffer, u);
  ops::newton_schulz(Tensor::from(std::vector<int64_t>{0}, {1}, device()), 5, 10, {}, 1, u);
  ops::muon_step(u, control(std::nanf(""), 0), f32({0.1f, 0.5f}), 0.5f, p, ema, narrow);
  for (const Tensor& t : {buffer, p, ema}) EXPECT_EQ(t.to_vector<float>(), values);
  EXPECT_TRUE(std::isnan(narrow.to_vector<float>()[0]));
  EXPECT_EQ(u.to_vector<float>(), std::vector<float>(50, 0.0f));
}

INSTANTIATE_TEST_SUITE_P(Devices, MuonOps,
                         ::testing::Combine(::testing::ValuesIn(devices_under_test()),
                                            ::testing::Values(DType::float32)),
                         parameter_name);

}  // namespace
}  // namespace trm::testing
