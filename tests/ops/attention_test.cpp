#include "device/errors.h"
#include "device/kernels.h"
#include "tests/ops/harness.h"
#include "tests/ops/poison.h"

namespace trm::testing {
namespace {

struct Sizes {
  int64_t B, N;
  int heads;
  int64_t head_dim;
  bool causal;
  int64_t inner() const { return heads * head_dim; }
  int64_t elements() const { return B * N * 3 * inner(); }
  Shape qkv() const { return {B, N, 3 * inner()}; }
  Shape out() const { return {B, N, inner()}; }
};

std::string name(const Sizes& s) {
  return std::to_string(s.B) + "x" + std::to_string(s.N) + ", " + std::to_string(s.heads) + " heads of " +
         std::to_string(s.head_dim) + (s.causal ? ", causal" : "");
}

struct Reference {
  std::vector<double> out, lse, dqkv;
};

/// softmax(q kᵀ/√head_dim) v in float64, and the gradient of Σ out ∘ dout.
Reference reference(const Sizes& s, const std::vector<double>& qkv, const std::vector<double>& dout = {}) {
  const int64_t inner = s.inner(), width = 3 * inner, n = s.head_dim;
  Reference r{std::vector<double>(s.B * s.N * inner), std::vector<double>(s.B * s.heads * s.N),
              std::vector<double>(dout.empty() ? 0 : qkv.size())};
  const double scale = 1 / std::sqrt(static_cast<double>(n));
  std::vector<double> p(s.N), dp(s.N);
  for (int64_t b = 0; b < s.B; ++b)
    for (int h = 0; h < s.heads; ++h)
      for (int64_t i = 0; i < s.N; ++i) {
        const int64_t visible = s.causal ? i + 1 : s.N, row = (b * s.N + i) * width + h * n,
                      out = (b * s.N + i) * inner + h * n;
        const auto key = [&](int64_t j) { return (b * s.N + j) * width + inner + h * n; };
        double largest = -INFINITY, sum = 0;
        for (int64_t j = 0; j < visible; ++j) {
          p[j] = 0;
          for (int64_t d = 0; d < n; ++d) p[j] += qkv[row + d] * qkv[key(j) + d] * scale;
          largest = std::max(largest, p[j]);
        }
        for (int64_t j = 0; j < visible; ++j) sum += p[j] = std::exp(p[j] - largest);
        r.lse[(b * s.heads + h) * s.N + i] = largest + std::log(sum);
        for (int64_t j = 0; j < visible; ++j)
          for (int64_t d = 0; d < n; ++d) r.out[out + d] += (p[j] /= (d ? 1 : sum)) * qkv[key(j) + inner + d];
        if (dout.empty()) continue;
        double delta = 0;
        for (int64_t j = 0; j < visible; ++j) {
          dp[j] = 0;
          for (int64_t d = 0; d < n; ++d) dp[j] += dout[out + d] * qkv[key(j) + inner + d];
          delta += p[j] * dp[j];
        }
        for (int64_t j = 0; j < visible; ++j)
          for (int64_t d = 0; d < n; ++d) {
            const double ds = p[j] * (dp[j] - delta) * scale;
            r.dqkv[row + d] += ds * qkv[key(j) + d];
            r.dqkv[key(j) + d] += ds * qkv[row + d];
            r.dqkv[key(j) + inner + d] += p[j] * dout[out + d];
          }
      }
  return r;
}

/// Rotates queries and keys of qkv [rows, 3·heads·head_dim] by their position, row % N (+ start), times `direction`.
void rotate(std::vector<double>& qkv, int64_t N, int64_t heads, int64_t head_dim, int64_t start, double direction) {
  const int64_t width = 3 * heads * head_dim, half = head_dim / 2;
  for (int64_t row = 0; row < static_cast<int64_t>(qkv.size()) / width; ++row)
    for (int64_t h = 0; h < 2 * heads; ++h)
      for (int64_t i = 0; i < half; ++i) {
        const double angle = direction * static_cast<double>(start + row % N) *
                             std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
        double &x = qkv[row * width + h * head_dim + i], &y = qkv[row * width + h * head_dim + i + half];
        const double turned = x * std::cos(angle) - y * std::sin(angle);
        y = y * std::cos(angle) + x * std::sin(angle);
        x = turned;
      }
}

class Attention : public OpTest {
 protected:
  // dq and dk: reached 1.3e-4 in float32 and 0.1 in bfloat16, where probabilities are rounded.
  double element_slack() const override { return dtype() == DType::float32 ? 16 : 4; }
  void check(const Sizes& s, float spread = 1) {
    SCOPED_TRACE(name(s));
    const auto qkv = random(s.elements(), 1, spread), dout = random(s.B * s.N * s.inner(), 2);
    Reference expected = reference(s, widen(qkv), widen(dout));
    const Tensor x = tensor(qkv, s.qkv()), g = tensor(dout, s.out());
    Tensor out = poisoned(s.out(), dtype(), device()), lse = poisoned({s.B, s.heads, s.N}, DType::float32, device());
    kernels::attention(x, s.heads, s.causal, out, &lse);
    EXPECT_LT(relative_error(out, expected.out), tolerance());
    EXPECT_LT(relative_error(lse, expected.lse), dtype() == DType::float32 ? 1e-5 : 4e-3);
    Tensor dqkv = poisoned(s.qkv(), dtype(), device());
    kernels::attention_backward(g, x, out, lse, s.heads, s.causal, dqkv);
    // Of saturated scores most gradients are differences of equals.
    const auto error = [&](const Tensor& a) { return spread > 1 ? norm_error(a, expected.dqkv) : relative_error(a, expected.dqkv); };
    EXPECT_LT(error(dqkv), tolerance() * (dtype() == DType::float32 ? 3 : 1));

    EXPECT_EQ(ops::attention(x, s.heads, s.causal, nullptr).to_vector<float>(), out.to_vector<float>())
        << "with and without lse";
    EXPECT_EQ(ops::attention_backward(g, x, out, lse, s.heads, s.causal).to_vector<float>(), dqkv.to_vector<float>())
        << "a second call";
    if (s.head_dim % 2 != 0) return;
    const auto tables = ops::make_rope_tables(s.N + 3, static_cast<int>(s.head_dim), 10000.0, device());
    rotate(expected.dqkv, s.N, s.heads, s.head_dim, 0, -1);
    const Tensor rotated = ops::attention_backward(g, x, out, lse, s.heads, s.causal, &tables);
    EXPECT_LT(error(rotated), tolerance() * (dtype() == DType::float32 ? 3 : 1))
        << "rotated back";
    EXPECT_EQ(ops::attention_backward(g, x, out, lse, s.heads, s.causal, &tables).to_vector<float>(),
              rotated.to_vector<float>())
        << "a second call";
  }
};

TEST_P(Attention, MatchesFloat64AtOddSizes) {
  for (const Sizes& s : {Sizes{1, 1, 1, 2, false},
                         {2, 5, 3, 6, false},
                         {2, 5, 3, 6, true},
                         {1, 17, 2, 42, false},
                         {1, 33, 1, 33, true},
                         {3, 20, 2, 16, false},
                         {1, 65, 1, 7, true},
                         {2, 130, 1, 24, true},
                         {1, 131, 2, 40, false}})
    check(s);
}

TEST_P(Attention, MatchesFloat64AtTheSizesOfTheModels) {
  check({2, 97, 8, 64, false});
  check({1, 300, 2, 32, true});
  check({1, 916, 1, 64, false});
}

TEST_P(Attention, MatchesFloat64AroundTheTilesOfShortSequences) {
  for (const bool causal : {false, true}) {
    check({3, 1, 2, 64, causal});
    check({2, 16, 5, 32, causal});
    check({3, 63, 3, 64, causal});
    check({2, 64, 2, 32, causal});
    check({2, 65, 3, 64, causal});
    check({5, 80, 2, 64, causal});
    check({2, 97, 3, 32, causal});
    check({2, 112, 2, 64, causal});
    check({2, 113, 2, 32, causal});
    check({3, 128, 2, 64, causal});
    check({2, 128, 3, 32, causal});
  }
}

TEST_P(Attention, MatchesFloat64AroundTheTilesOfLongSequences) {
  for (const bool causal : {false, true})
    for (const int64_t N : {129, 191, 192, 193, 255, 300}) {
      check({1, N, 2, 64, causal});
      check({2, N, 1, 32, causal});
    }
  check({1, 512, 1, 32, true});
  check({1, 512, 1, 64, false});
  check({1, 916, 1, 64, true});
  check({1, 917, 1, 32, false});
  check({1, 1025, 1, 64, false});
  check({1, 1500, 1, 32, true});
}

TEST_P(Attention, LargeScoresStayFinite) {
  check({1, 40, 2, 16, true}, 8);
  check({1, 200, 1, 64, false}, 5);
  check({1, 333, 1, 32, true}, 8);
}

// More heads than a GPU has multiprocessors: copies of one example, all of which give its bits.
TEST_P(Attention, ManyHeadsMatchFloat64) {
  if (device().kind == DeviceKind::cpu) GTEST_SKIP() << "the number of heads changes nothing on the cpu";
  for (const Sizes& s : {Sizes{1, 130, 7, 64, false},
                         {1, 200, 7, 32, true},
                         {1, 320, 7, 64, true},
                         {1, 450, 3, 32, false},
                         {1, 916, 2, 64, false}}) {
    SCOPED_TRACE(name(s));
    const int64_t B = 140 / s.heads + 1;
    const auto one = random(s.elements(), 1), one_dout = random(s.N * s.inner(), 2);
    std::vector<float> qkv, dout;
    for (int64_t b = 0; b < B; ++b) {
      qkv.insert(qkv.end(), one.begin(), one.end());
      dout.insert(dout.end(), one_dout.begin(), one_dout.end());
    }
    const Tensor x = tensor(qkv, {B, s.N, 3 * s.inner()});
    Tensor out = poisoned({B, s.N, s.inner()}, dtype(), device()),
           lse = poisoned({B, s.heads, s.N}, DType::float32, device()),
           dqkv = poisoned({B, s.N, 3 * s.inner()}, dtype(), device());
    kernels::attention(x, s.heads, s.causal, out, &lse);
    kernels::attention_backward(tensor(dout, {B, s.N, s.inner()}), x, out, lse, s.heads, s.causal, dqkv);
    const Reference expected = reference(s, widen(one), widen(one_dout));
    EXPECT_LT(relative_error(out.rows(0, 1), expected.out), tolerance());
    EXPECT_LT(relative_error(lse.rows(0, 1), expected.lse), dtype() == DType::float32 ? 1e-5 : 4e-3);
    EXPECT_LT(relative_error(dqkv.rows(0, 1), expected.dqkv), tolerance() * (dtype() == DType::float32 ? 3 : 1));
    for (const Tensor& t : {out, lse, dqkv}) {
      const auto first = t.rows(0, 1).to_vector<float>();
      for (int64_t b = 1; b < B; ++b) ASSERT_EQ(t.rows(b, 1).to_vector<float>(), first) << "example " << b;
    }
  }
}

TEST_P(Attention, BackwardMatchesFiniteDifferences) {
  for (const bool causal : {false, true}) {
    const Sizes s{1, 5, 2, 4, causal};
    const auto qkv = random(s.elements(), 3), dout = random(s.N * s.inner(), 4);
    const auto loss = [&](const std::vector<double>& values) {
      const auto out = reference(s, values).out;
      double sum = 0;
      for (size_t i = 0; i < out.size(); ++i) sum += out[i] * dout[i];
      return sum;
    };
    const Tensor x = tensor(qkv, s.qkv());
    Tensor lse;
    const Tensor out = ops::attention(x, s.heads, causal, &lse);
    EXPECT_LT(relative_error(ops::attention_backward(tensor(dout, s.out()), x, out, lse, s.heads, causal),
                             finite_differences(loss, widen(qkv))),
              tolerance());
  }
}

TEST_P(Attention, HeadsThatDoNotDivideAreRefused) {
  EXPECT_THROW(ops::attention(tensor(random(40, 1), {1, 2, 20}), 3, false, nullptr), DeviceError);
}

class Rope : public OpTest {};

TEST_P(Rope, RotatesQueriesAndKeysByPosition) {
  for (const auto& [N, heads, head_dim, start] :
       {std::tuple{5, 3, 6, 0}, {97, 2, 64, 0}, {1, 12, 32, 200}, {7, 1, 2, 3}}) {
    const int64_t B = 2, inner = heads * head_dim;
    const auto tables = ops::make_rope_tables(256, head_dim, 10000.0, device());
    const auto qkv = random(B * N * 3 * inner, 1);
    std::vector<double> expected;
    for (int64_t b = 0; b < B; ++b) {  // rows from positions of their own where there are offsets
      std::vector<double> row(qkv.begin() + b * N * 3 * inner, qkv.begin() + (b + 1) * N * 3 * inner);
      rotate(row, N, heads, head_dim, start ? start + 5 * b : 0, 1);
      expected.insert(expected.end(), row.begin(), row.end());
    }
    const Tensor offsets = Tensor::from(std::vector<int32_t>{start, start + 5}, {B}, device());
    Tensor x = tensor(qkv, {B, N, 3 * inner});
    ops::rope(x, tables, heads, start ? &offsets : nullptr);
    EXPECT_LT(relative_error(x, expected), dtype() == DType::float32 ? 3e-5 : 1e-2);
    const auto after = x.to_vector<float>();
    for (int64_t row = 0; row < B * N; ++row)
      for (int64_t d = 2 * inner; d < 3 * inner; ++d)
        ASSERT_EQ(after[row * 3 * inner + d], qkv[row * 3 * inner + d]) << "values are not rotated";
    ops::rope(x, tables, heads, start ? &offsets : nullptr, true);
    EXPECT_LT(relative_error(x, widen(qkv)), dtype() == DType::float32 ? 1e-6 : 2e-2) << "there and back";
  }
}

// The product rounds before the rotation on some devices, not on others. Odd rows and widths, rows that do not fill
// tiles, the models' sizes.
TEST_P(Rope, InTheEpilogueOfTheProduct) {
  for (const auto& [B, N, heads, head_dim, K] : {std::tuple{1, 1, 1, 2, 3},
                                                 {3, 5, 2, 6, 17},
                                                 {2, 97, 8, 64, 512},
                                                 {5, 77, 4, 64, 128},
                                                 {3, 43, 12, 32, 384},
                                                 {1, 130, 2, 32, 40},
                                                 {2, 200, 1, 64, 72},
                                                 {1, 260, 3, 48, 64},
                                                 {1, 9, 5, 128, 64}}) {
    const int64_t inner = heads * head_dim;
    SCOPED_TRACE(std::to_string(B) + " x " + std::to_string(N) + " x " + std::to_string(K) + ", " +
                 std::to_string(heads) + " heads of " + std::to_string(head_dim));
    const auto tables = ops::make_rope_tables(N + 2, head_dim, 10000.0, device());
    const auto x = random(B * N * K, 1), w = random(3 * inner * K, 2, 1 / std::sqrt(static_cast<float>(K)));
    std::vector<double> expected(B * N * 3 * inner, 0.0);
    for (int64_t row = 0; row < B * N; ++row)
      for (int64_t o = 0; o < 3 * inner; ++o)
        for (int64_t k = 0; k < K; ++k)
          expected[row * 3 * inner + o] += static_cast<double>(x[row * K + k]) * w[o * K + k];
    rotate(expected, N, heads, head_dim, 0, 1);
    for (const bool packed : {true, false}) {
      const Weight weight = packed ? this->weight(w, 3 * inner, K) : ops::make_weight(tensor(w, {3 * inner, K}));
      const Tensor qkv = ops::linear_rope(tensor(x, {B, N, K}), weight, tables, heads);
      EXPECT_LT(relative_error(qkv, expected), tolerance() * (dtype() == DType::float32 ? 3 : 1));
      EXPECT_EQ(ops::linear_rope(tensor(x, {B, N, K}), weight, tables, heads).to_vector<float>(),
                qkv.to_vector<float>())
          << "a second call";
    }
  }
}

TEST_P(Rope, TablesThatAreTooShortAreRefused) {
  const auto tables = ops::make_rope_tables(3, 4, 10000.0, device());
  Tensor x = tensor(random(4 * 12, 1), {1, 4, 12});
  EXPECT_THROW(ops::rope(x, tables, 1), DeviceError);
  EXPECT_THROW(ops::linear_rope(tensor(random(4 * 8, 1), {1, 4, 8}), weight(random(12 * 8, 2), 12, 8), tables, 1),
               DeviceError);
  EXPECT_THROW(ops::linear_rope(tensor(random(3 * 7, 1), {1, 3, 7}), weight(random(12 * 8, 2), 12, 8), tables, 1),
               DeviceError);
  EXPECT_THROW(ops::make_rope_tables(3, 5, 10000.0, device()), DeviceError);
}

class AttentionCached : public OpTest {
 protected:
  Tensor integers(const std::vector<int32_t>& values) const {
    return Tensor::from(values, {static_cast<int64_t>(values.size())}, device());
  }
};

// A window filled in pieces of several lengths gives what causal attention over the whole gives; the rest of the caches
// is neither read nor written.
TEST_P(AttentionCached, PiecesMatchCausalAttention) {
  for (const auto& [heads, head_dim, total] : {std::tuple{3, 6, 23}, {2, 33, 40}, {12, 32, 150}, {2, 64, 1200}}) {
    const int64_t inner = heads * head_dim, window = total + 9;
    const auto qkv = random(total * 3 * inner, 5);
    const auto expected = reference({1, total, heads, head_dim, true}, widen(qkv)).out;
    Tensor k = poisoned({1, window, inner}, dtype(), device()), v = poisoned({1, window, inner}, dtype(), device());
    std::vector<float> got;
    const Tensor all = tensor(qkv, {total, 3 * inner}), slot = integers({0});
    const std::vector<int64_t> pieces{1, 4, 1, 1, total - 10, 2, 1};
    int64_t first = 0;
    for (const int64_t piece : pieces) {
      const Tensor piece_qkv = all.rows(first, piece).reshape({1, piece, 3 * inner});
      const auto out = ops::attention_cached(piece_qkv, slot, integers({static_cast<int32_t>(first)}), heads, k, v)
                           .to_vector<float>();
      got.insert(got.end(), out.begin(), out.end());
      first += piece;
    }
    got.resize(expected.size());
    EXPECT_LT(relative_error(std::vector<float>(got.begin(), got.begin() + first * inner),
                             {expected.begin(), expected.begin() + first * inner}),
              tolerance());
    const auto keys = k.to_vector<float>(), values = v.to_vector<float>();
    for (int64_t t = 0; t < window; ++t)
      for (int64_t d = 0; d < inner; ++d) {
        if (t < first) {
          ASSERT_EQ(keys[t * inner + d], qkv[t * 3 * inner + inner + d]);
          ASSERT_EQ(values[t * inner + d], qkv[t * 3 * inner + 2 * inner + d]);
        } else {
          ASSERT_TRUE(std::isnan(keys[t * inner + d]) && std::isnan(values[t * inner + d]));
        }
      }
  }
}

// Texts of several lengths in slots out of order, an inactive row among them: each has the bits that it has alone, and
// other slots are neither read nor written.
TEST_P(AttentionCached, RowsDoNotDependOnTheirNeighbours) {
  for (const auto& [B, T, heads, head_dim] :
       {std::tuple{1, 1, 3, 32}, {3, 1, 2, 33}, {8, 1, 3, 32}, {8, 1, 2, 6}, {3, 4, 3, 32}, {8, 9, 2, 33}}) {
    SCOPED_TRACE(std::to_string(B) + " rows of " + std::to_string(T) + ", " + std::to_string(heads) + " heads of " +
                 std::to_string(head_dim));
    const int64_t inner = heads * head_dim, window = 50, slots = B + 2;
    Tensor k = poisoned({slots, window, inner}, dtype(), device()),
           v = poisoned({slots, window, inner}, dtype(), device());
    std::vector<int32_t> slot, position;
    std::vector<std::vector<float>> text, alone;
    std::vector<float> batch;
    for (int32_t b = 0; b < B; ++b) {
      const int32_t before = (7 * b + 3) % 31;
      const bool active = b != 1;
      slot.push_back(active ? static_cast<int32_t>(slots) - 1 - b : -1);
      position.push_back(active ? before : 0);
      text.push_back(random((before + T) * 3 * inner, 10 + b));
      batch.insert(batch.end(), text.back().end() - T * 3 * inner, text.back().end());
      if (!active) {
        alone.push_back(std::vector<float>(T * inner, 0.0f));
        continue;
      }
      const Tensor all = tensor(text.back(), {before + T, 3 * inner});
      const Tensor earlier = all.rows(0, before).reshape({1, before, 3 * inner}),
                   now = all.rows(before, T).reshape({1, T, 3 * inner});
      Tensor own_k = poisoned({1, window, inner}, dtype(), device()),
             own_v = poisoned({1, window, inner}, dtype(), device());
      ops::attention_cached(earlier, integers({slot.back()}), integers({0}), heads, k, v);
      ops::attention_cached(earlier, integers({0}), integers({0}), heads, own_k, own_v);
      alone.push_back(
          ops::attention_cached(now, integers({0}), integers({before}), heads, own_k, own_v).to_vector<float>());
    }
    const Tensor out =
        ops::attention_cached(tensor(batch, {B, T, 3 * inner}), integers(slot), integers(position), heads, k, v);
    const auto keys = k.to_vector<float>(), values = v.to_vector<float>();
    std::vector<int64_t> filled(slots, 0);
    for (int64_t b = 0; b < B; ++b) {
      EXPECT_EQ(out.rows(b, 1).to_vector<float>(), alone[b]) << "row " << b;
      if (slot[b] < 0) continue;
      const int64_t total = position[b] + T;
      filled[slot[b]] = total;
      const auto expected = reference({1, total, heads, head_dim, true}, widen(text[b])).out;
      EXPECT_LT(relative_error(out.rows(b, 1), {expected.end() - T * inner, expected.end()}), tolerance());
    }
    for (int64_t i = 0; i < slots * window * inner; ++i) {
      const bool empty = i / inner % window >= filled[i / inner / window];
      ASSERT_EQ(std::isnan(keys[i]), empty) << "slot " << i / inner / window;
      ASSERT_EQ(std::isnan(values[i]), empty) << "slot " << i / inner / window;
    }
  }
}

TEST_P(AttentionCached, PositionsOutsideOfTheWindowAreRefusedOnTheCpu) {
  if (device().kind != DeviceKind::cpu) GTEST_SKIP() << "other devices do not look at the position";
  Tensor k = tensor(random(40, 1), {1, 10, 4}), v = tensor(random(40, 2), {1, 10, 4});
  const Tensor qkv = tensor(random(24, 3), {1, 2, 12}), slot = integers({0});
  for (const int32_t position : {9, -1, 2000000000})
    EXPECT_THROW(ops::attention_cached(qkv, slot, integers({position}), 2, k, v), DeviceError);
  EXPECT_NO_THROW(ops::attention_cached(qkv, slot, integers({8}), 2, k, v));
  EXPECT_THROW(ops::attention_cached(qkv, integers({0, 0}), integers({8}), 2, k, v), DeviceError);
  const auto tables = ops::make_rope_tables(10, 2, 10000.0, device());
  Tensor rotated = tensor(random(24, 3), {1, 2, 12});
  const Tensor beyond = Tensor::from(std::vector<int32_t>{9}, {1}, device());
  EXPECT_THROW(ops::rope(rotated, tables, 2, &beyond), DeviceError);
}

TRM_OP_SUITE(Attention);
TRM_OP_SUITE(Rope);
TRM_OP_SUITE(AttentionCached);

}  // namespace
}  // namespace trm::testing
