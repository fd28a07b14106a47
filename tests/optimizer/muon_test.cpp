// optimizer=muon on a small store of parameters, against float64, on every device.
#include <algorithm>
#include <cmath>
#include <map>

#include "optimizer/optimizer.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

constexpr int heads = 3;

struct Matrix {
  int64_t rows, columns;
  std::vector<double> values;
  double& at(int64_t i, int64_t j) { return values[i * columns + j]; }
  double at(int64_t i, int64_t j) const { return values[i * columns + j]; }
};

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix c{a.rows, b.columns, std::vector<double>(a.rows * b.columns)};
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t k = 0; k < a.columns; ++k)
      for (int64_t j = 0; j < b.columns; ++j) c.at(i, j) += a.at(i, k) * b.at(k, j);
  return c;
}

Matrix transposed(const Matrix& a) {
  Matrix t{a.columns, a.rows, std::vector<double>(a.values.size())};
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t j = 0; j < a.columns; ++j) t.at(j, i) = a.at(i, j);
  return t;
}

/// recipes.md, step 2, literally: transposed where it is higher than wide.
Matrix orthogonalized(const Matrix& u, int steps) {
  double square = 0;
  for (const double x : u.values) square += x * x;
  Matrix x = u;
  for (double& value : x.values)
    value = static_cast<float>(bfloat16(static_cast<float>(value))) / std::max(std::sqrt(square), 1e-7);
  const bool tall = u.rows > u.columns;
  if (tall) x = transposed(x);
  for (int step = 0; step < steps; ++step) {
    const Matrix a = product(x, transposed(x)), aa = product(a, a);
    Matrix b = a;
    for (size_t i = 0; i < b.values.size(); ++i) b.values[i] = -4.7750 * a.values[i] + 2.0315 * aa.values[i];
    const Matrix bx = product(b, x);
    for (size_t i = 0; i < x.values.size(); ++i) x.values[i] = 3.4445 * x.values[i] + bx.values[i];
  }
  return tall ? transposed(x) : x;
}

/// One parameter in float64; its matrices are `blocks` equal parts of its rows.
struct Reference {
  int64_t rows, columns, blocks;
  std::vector<double> p, momentum, ema;

  void step(const std::vector<double>& g, const MuonSettings& s, double lr, double ema_rate) {
    const int64_t height = rows / blocks, n = height * columns;
    for (int64_t block = 0; block < blocks; ++block) {
      Matrix u{height, columns, std::vector<double>(n)};
      for (int64_t i = 0; i < n; ++i) {
        double& buffer = momentum[block * n + i];
        const double x = (1 - s.momentum) * g[block * n + i];
        buffer = s.momentum * buffer + x;
        u.values[i] = s.momentum * buffer + x;
      }
      const Matrix x = orthogonalized(u, s.steps);
      const double scale = std::sqrt(std::max(1.0, static_cast<double>(height) / static_cast<double>(columns)));
      for (int64_t i = 0; i < n; ++i) {
        double& w = p[block * n + i];
        w = w * (1 - lr * s.weight_decay) - lr * scale * x.values[i];
        ema[block * n + i] = ema_rate * ema[block * n + i] + (1 - ema_rate) * w;
      }
    }
  }
};

class MuonRule : public ::testing::TestWithParam<Device> {
 protected:
  struct Declared {
    std::string name;
    Shape shape;
    ParameterRole role;
    int blocks = 1;
  };
  const std::vector<Declared> declared_{{"embedding", {7, 6}, ParameterRole::embedding},
                                        {"qkv", {24, 6}, ParameterRole::matrix, heads},
                                        {"gain", {9}, ParameterRole::vector},
                                        {"down", {6, 16}, ParameterRole::matrix},
                                        {"up", {24, 6}, ParameterRole::matrix},
                                        {"head", {7, 6}, ParameterRole::head}};

  void fill(ParameterStore& store) const {
    uint64_t seed = 1;
    for (const Declared& d : declared_)
      store
          .add(d.name, d.shape, ParameterUse::master, d.role, random_values(d.shape.elements(), DType::float32, seed++))
          .row_blocks = d.blocks;
    store.materialize(true);
  }
  static std::vector<float> gradient(const Parameter& p, int step) {
    return random_values(p.shape.elements(), DType::float32,
                         1000 * static_cast<uint64_t>(step) + p.name[0] + p.name.size(), 0.1f);
  }
  static OptimizerSettings settings(bool split_heads) {
    OptimizerSettings s;
    s.name = "muon";
    s.lr = 0.001f;
    s.weight_decay = 1;
    s.muon = {0.02f, 0.6f, 0.5f, 3, split_heads};
    s.schedule = {Decay::cosine, 0, 8, 0};
    s.grad_clip_norm = 1;
    s.ema = true;
    s.ema_rate = 0.75f;
    s.ema_start = 3;
    return s;
  }
  static void step(ParameterStore& store, OptimizerState& optimizer, int step) {
    for (const auto& p : store.all()) p->gradient.copy_from_host(gradient(*p, step).data());
    optimizer.begin_step()();
    optimizer.update(store, nullptr, nullptr);
  }
  // what bfloat16 products leave of it, relative to the largest weight, of which a step changes a small part
  double tolerance() const { return GetParam().kind == DeviceKind::cuda ? 1e-2 : 2e-5; }
};

TEST_P(MuonRule, MatchesFloat64) {
  for (const bool split : {false, true}) {
    ParameterStore store(GetParam(), DType::float32);
    fill(store);
    const OptimizerSettings s = settings(split);
    OptimizerState optimizer(store, s);
    std::map<std::string, Reference> expected;
    std::map<std::string, std::vector<double>> start;
    for (const auto& p : store.all()) {
      start[p->name] = widen(p->master.to_vector<float>());
      if (p->role == ParameterRole::matrix)
        expected[p->name] = {p->shape[0],
                             p->shape[1],
                             split ? p->row_blocks : 1,
                             start[p->name],
                             std::vector<double>(p->shape.elements()),
                             start[p->name]};
    }
    for (int t = 1; t <= 4; ++t) {
      double square = 0;
      for (const auto& p : store.all())
        for (const double g : gradient(*p, t)) square += g * g;
      const double clip = std::min(1.0, 1 / (std::sqrt(square) + 1e-6)), factor = 0.5 * (1 + std::cos(M_PI * t / 8));
      ASSERT_LT(clip, 1) << "clipping is not tested";
      for (auto& [name, reference] : expected) {
        std::vector<double> g;
        for (const double x : gradient(*store.find(name), t)) g.push_back(clip * x);
        reference.step(g, s.muon, 0.02 * factor, t < 3 ? 0 : 0.75);
      }
      step(store, optimizer, t);
    }
    const auto state = optimizer.state(store);
    for (const auto& [name, reference] : expected) {
      EXPECT_LT(relative_error(store.find(name)->master, reference.p), tolerance()) << name << ", split " << split;
      EXPECT_LT(relative_error(state.at("optimizer/momentum_buffer/" + name), reference.momentum), 2e-6) << name;
      EXPECT_LT(relative_error(state.at("ema/" + name), reference.ema), tolerance()) << name;
      EXPECT_FALSE(state.contains("optimizer/exp_avg/" + name));
    }
    for (const char* name : {"embedding", "gain", "head"}) {
      EXPECT_TRUE(state.contains(std::string("optimizer/exp_avg_sq/") + name));
      EXPECT_FALSE(state.contains(std::string("optimizer/momentum_buffer/") + name));
      EXPECT_GT(relative_error(store.find(name)->master, start.at(name)), 1e-4) << "AdamW trains the rest";
    }
    const float factor = static_cast<float>(0.5 * (1 + std::cos(M_PI / 2)));
    EXPECT_FLOAT_EQ(optimizer.learning_rates()[0].second, 0.001f * factor);
    EXPECT_EQ(optimizer.learning_rates()[1].first, "muon_lr");
    EXPECT_FLOAT_EQ(optimizer.learning_rates()[1].second, 0.02f * factor);
  }
}

TEST_P(MuonRule, TheRestIsTrainedAsByAdamw) {
  ParameterStore mixed(GetParam(), DType::float32), plain(GetParam(), DType::float32);
  fill(mixed);
  fill(plain);
  OptimizerSettings adamw = settings(false);
  adamw.name = "adamw";
  OptimizerState of_mixed(mixed, settings(false)), of_plain(plain, adamw);
  for (int t = 1; t <= 3; ++t) {
    step(mixed, of_mixed, t);
    step(plain, of_plain, t);
  }
  for (const char* name : {"embedding", "gain", "head"})
    EXPECT_EQ(mixed.find(name)->master.to_vector<float>(), plain.find(name)->master.to_vector<float>()) << name;
}

TEST_P(MuonRule, AtTheEndOfACosineToZeroNothingMovesAnyMore) {
  ParameterStore store(GetParam(), DType::float32);
  fill(store);
  OptimizerState optimizer(store, settings(false));
  for (int t = 1; t <= 7; ++t) step(store, optimizer, t);
  const auto before = store.values().to_vector<float>();
  step(store, optimizer, 8);
  EXPECT_EQ(store.values().to_vector<float>(), before);
  for (const auto& [name, rate] : optimizer.learning_rates()) EXPECT_EQ(rate, 0) << name;
}

TEST_P(MuonRule, UntilItsStartTheAverageIsTheWeights) {
  ParameterStore store(GetParam(), DType::float32);
  fill(store);
  OptimizerState optimizer(store, settings(false));
  for (int t = 1; t <= 2; ++t) {
    step(store, optimizer, t);
    EXPECT_EQ(optimizer.ema().to_vector<float>(), store.values().to_vector<float>());
  }
  step(store, optimizer, 3);
  EXPECT_NE(optimizer.ema().to_vector<float>(), store.values().to_vector<float>());
}

INSTANTIATE_TEST_SUITE_P(Devices, MuonRule, ::testing::ValuesIn(devices_under_test()),
                         [](const auto& info) { return std::string(name_of(info.param.kind)); });

}  // namespace
}  // namespace trm::testing
