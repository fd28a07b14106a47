// cached_level: all blocks of a level on new positions, against float64, token after token and in pieces.
#include <algorithm>

#include "device/kernels.h"
#include "tests/ops/harness.h"
#include "tests/ops/poison.h"

namespace trm::testing {
namespace {

struct Sizes {
  int64_t D;
  int heads;
  int64_t head_dim, I, window;
  int blocks, inputs;
  bool rope;
  int64_t inner() const { return heads * head_dim; }
};

constexpr float eps = 1e-5f;
constexpr double theta = 10000;

using Values = std::vector<double>;

Values product(const Values& w, const Values& x) {
  const int64_t K = static_cast<int64_t>(x.size()), O = static_cast<int64_t>(w.size()) / K;
  Values y(O, 0.0);
  for (int64_t o = 0; o < O; ++o)
    for (int64_t k = 0; k < K; ++k) y[o] += w[o * K + k] * x[k];
  return y;
}

Values residual_norm(const Values& h, const Values& added) {
  Values y(h.size());
  double square = 0;
  for (size_t i = 0; i < h.size(); ++i) {
    y[i] = h[i] + added[i];
    square += y[i] * y[i] / static_cast<double>(h.size());
  }
  for (double& v : y) v /= std::sqrt(square + eps);
  return y;
}

/// A level's weights, and the keys and values of all positions so far, in float64.
struct Reference {
  struct Block {
    Values qkv, o, gate_up, down, keys, values;
  };
  Sizes s;
  std::vector<Block> blocks;

  void rotate(double* x, int64_t position) const {
    const int64_t half = s.head_dim / 2;
    for (int64_t h = 0; h < s.heads; ++h, x += s.head_dim)
      for (int64_t i = 0; i < half; ++i) {
        const double angle =
            static_cast<double>(position) * std::pow(theta, -2.0 * static_cast<double>(i) / s.head_dim);
        const double a = x[i], b = x[i + half];
        x[i] = a * std::cos(angle) - b * std::sin(angle);
        x[i + half] = b * std::cos(angle) + a * std::sin(angle);
      }
  }

  Values attend(Block& block, const Values& h) const {
    const int64_t inner = s.inner(), position = static_cast<int64_t>(block.keys.size()) / inner;
    Values qkv = product(block.qkv, h);
    if (s.rope) {
      rotate(qkv.data(), position);
      rotate(qkv.data() + inner, position);
    }
    block.keys.insert(block.keys.end(), qkv.begin() + inner, qkv.begin() + 2 * inner);
    block.values.insert(block.values.end(), qkv.begin() + 2 * inner, qkv.end());
    Values out(inner, 0.0), weight(position + 1);
    for (int64_t head = 0; head < s.heads; ++head) {
      const int64_t at = head * s.head_dim;
      double total = 0;
      for (int64_t j = 0; j <= position; ++j) {
        double score = 0;
        for (int64_t d = 0; d < s.head_dim; ++d) score += qkv[at + d] * block.keys[j * inner + at + d];
        total += weight[j] = std::exp(score / std::sqrt(static_cast<double>(s.head_dim)));
      }
      for (int64_t j = 0; j <= position; ++j)
        for (int64_t d = 0; d < s.head_dim; ++d) out[at + d] += weight[j] / total * block.values[j * inner + at + d];
    }
    return out;
  }

  Values next(Values h) {
    for (Block& block : blocks) {
      h = residual_norm(h, product(block.o, attend(block, h)));
      const Values gate_up = product(block.gate_up, h);
      Values hidden(s.I);
      for (int64_t i = 0; i < s.I; ++i) hidden[i] = gate_up[i] / (1 + std::exp(-gate_up[i])) * gate_up[s.I + i];
      h = residual_norm(h, product(block.down, hidden));
    }
    return h;
  }
};

class CachedLevel : public OpTest {
 protected:
  // Reached 2e-5 and 0.048, at the end of four blocks.
  double element_slack() const override { return dtype() == DType::float32 ? 4 : 2; }
  struct Level {
    std::vector<CachedBlock> blocks;
    std::optional<ops::RopeTables> rope;
    Reference exact;
  };
  Level make(const Sizes& s, int64_t slots = 1) const {
    Level level;
    level.exact.s = s;
    if (s.rope) level.rope = ops::make_rope_tables(s.window, static_cast<int>(s.head_dim), theta, device());
    for (int b = 0; b < s.blocks; ++b) {
      Reference::Block block;
      const auto draw = [&](int64_t out, int64_t in, uint64_t seed, Values& wide) {
        const auto values = random(out * in, 10 * b + seed, 1 / std::sqrt(static_cast<float>(in)));
        wide = widen(values);
        return weight(values, out, in);
      };
      CachedBlock own;
      own.qkv_proj = draw(3 * s.inner(), s.D, 1, block.qkv);
      own.o_proj = draw(s.D, s.inner(), 2, block.o);
      own.gate_up_proj = draw(2 * s.I, s.D, 3, block.gate_up);
      own.down_proj = draw(s.D, s.I, 4, block.down);
      own.k_cache = poisoned({slots, s.window, s.inner()}, dtype(), device());
      own.v_cache = poisoned({slots, s.window, s.inner()}, dtype(), device());
      level.blocks.push_back(own);
      level.exact.blocks.push_back(block);
    }
    return level;
  }
  Tensor integers(const std::vector<int32_t>& values) const {
    return Tensor::from(values, {static_cast<int64_t>(values.size())}, device());
  }
  Tensor at(int64_t position) const { return integers({static_cast<int32_t>(position)}); }
  Tensor run(const std::vector<Tensor>& inputs, const Level& level, const Tensor& slots,
             const Tensor& positions) const {
    return ops::cached_level(inputs, level.blocks, level.rope ? &*level.rope : nullptr, slots, positions,
                             level.exact.s.heads, eps);
  }
  /// Feeds pieces of these lengths; the sum of the inputs is exact in the dtype or rounded as the op rounds it.
  void expect_exact(const Sizes& s, const std::vector<int64_t>& pieces) {
    SCOPED_TRACE("D " + std::to_string(s.D) + ", " + std::to_string(s.heads) + " heads of " +
                 std::to_string(s.head_dim) + ", I " + std::to_string(s.I));
    Level level = make(s);
    int64_t first = 0;
    for (const int64_t piece : pieces) {
      std::vector<Tensor> inputs;
      std::vector<float> sum(piece * s.D, 0.0f);
      for (int n = 0; n < s.inputs; ++n) {
        const auto values = random(piece * s.D, 100 + 10 * first + n);
        for (size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
        inputs.push_back(tensor(values, {1, piece, s.D}));
      }
      if (dtype() == DType::bfloat16)
        for (float& value : sum) value = static_cast<float>(bfloat16(value));
      const Tensor y = run(inputs, level, at(0), at(first));
      Values expected;
      for (int64_t t = 0; t < piece; ++t) {
        const Values row = level.exact.next(widen({sum.begin() + t * s.D, sum.begin() + (t + 1) * s.D}));
        expected.insert(expected.end(), row.begin(), row.end());
      }
      ASSERT_LT(relative_error(y, expected), tolerance()) << "positions " << first << " to " << first + piece - 1;
      first += piece;
    }
    for (const CachedBlock& block : level.blocks)
      for (const Tensor& cache : {block.k_cache, block.v_cache}) {
        const auto values = cache.to_vector<float>();
        for (int64_t i = 0; i < s.window * s.inner(); ++i)
          ASSERT_EQ(std::isnan(values[i]), i >= first * s.inner()) << "row " << i / s.inner();
      }
  }
};

TEST_P(CachedLevel, TokenByToken) {
  expect_exact({128, 4, 32, 256, 9, 2, 3, true}, {1, 1, 1, 1, 1, 1, 1, 1, 1});
  expect_exact({128, 2, 64, 128, 5, 1, 2, false}, {1, 1, 1, 1});
  expect_exact({256, 1, 128, 384, 6, 3, 1, true}, {1, 1, 1});
}

TEST_P(CachedLevel, AfterAPromptUpToTheLastPosition) {
  expect_exact({128, 20, 32, 256, 700, 2, 3, true}, {697, 1, 1, 1});
  expect_exact({256, 4, 64, 256, 300, 1, 2, true}, {130, 1, 7, 1});
}

TEST_P(CachedLevel, WidthsThatNoFusedKernelTakes) {
  expect_exact({48, 4, 12, 256, 12, 2, 3, true}, {1, 1, 4, 1});
  expect_exact({40, 3, 8, 72, 7, 1, 1, false}, {2, 1, 1});
}

TEST_P(CachedLevel, SizesOfTheChatModel) { expect_exact({384, 12, 32, 1024, 40, 4, 3, true}, {33, 1, 1, 1}); }

// Texts that begin and end at different times, each in a slot of its own: every row is exact, and has the bits that its
// text has alone.
TEST_P(CachedLevel, RowsDoNotDependOnTheirNeighbours) {
  struct Text {
    int32_t slot, begins, steps;
  };
  for (const Sizes& s : {Sizes{128, 4, 32, 256, 9, 2, 2, true}, {48, 4, 12, 72, 9, 1, 3, false}})
    for (const int32_t B : {1, 3, 8}) {
      SCOPED_TRACE("D " + std::to_string(s.D) + ", " + std::to_string(B) + " rows");
      Level level = make(s, B + 1);
      std::vector<Text> texts;
      std::vector<Level> alone;
      for (int32_t b = 0; b < B; ++b) {
        texts.push_back({B - b, b % 3, 2 + b % 4});
        alone.push_back(make(s));
      }
      for (int32_t step = 0; step < 6; ++step) {
        const auto active = [&](const Text& t) { return step >= t.begins && step < t.begins + t.steps; };
        std::vector<int32_t> slots, positions;
        for (const Text& t : texts) {
          slots.push_back(active(t) ? t.slot : -1);
          positions.push_back(active(t) ? step - t.begins : 0);
        }
        std::vector<Tensor> inputs;
        std::vector<float> sum(B * s.D, 0.0f);
        for (int n = 0; n < s.inputs; ++n) {
          const auto values = random(B * s.D, 1000 + 10 * step + n);
          for (size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
          inputs.push_back(tensor(values, {B, 1, s.D}));
        }
        if (dtype() == DType::bfloat16)
          for (float& value : sum) value = static_cast<float>(bfloat16(value));
        const Tensor y = run(inputs, level, integers(slots), integers(positions));
        for (int32_t b = 0; b < B; ++b) {
          if (!active(texts[b])) continue;
          std::vector<Tensor> own;
          for (const Tensor& input : inputs) own.push_back(input.rows(b, 1));
          ASSERT_EQ(y.rows(b, 1).to_vector<float>(), run(own, alone[b], at(0), at(positions[b])).to_vector<float>())
              << "step " << step << ", row " << b;
          const auto expected = alone[b].exact.next(widen({sum.begin() + b * s.D, sum.begin() + (b + 1) * s.D}));
          ASSERT_LT(relative_error(y.rows(b, 1), expected), tolerance()) << "step " << step << ", row " << b;
        }
      }
      for (const CachedBlock& block : level.blocks)
        for (const Tensor& cache : {block.k_cache, block.v_cache}) {
          EXPECT_TRUE(std::isnan(cache.rows(0, 1).to_vector<float>()[0])) << "a slot that no row has";
          for (const Text& t : texts) {
            const auto values = cache.rows(t.slot, 1).to_vector<float>();
            for (int64_t i = 0; i < s.window * s.inner(); ++i)
              ASSERT_EQ(std::isnan(values[i]), i >= t.steps * s.inner()) << "slot " << t.slot;
          }
        }
    }
}

TEST_P(CachedLevel, SeveralRowsOfSeveralPositions) {
  const Sizes s{128, 4, 32, 256, 9, 2, 1, true};
  Level level = make(s, 2);
  const auto values = random(2 * 4 * s.D, 7);
  const Tensor y = run({tensor(values, {2, 4, s.D})}, level, integers({1, 0}), integers({0, 0}));
  for (int64_t b = 0; b < 2; ++b) {
    Level own = make(s);
    Values expected;
    for (int64_t t = 0; t < 4; ++t) {
      const auto from = values.begin() + (4 * b + t) * s.D;
      const Values row = own.exact.next(widen({from, from + s.D}));
      expected.insert(expected.end(), row.begin(), row.end());
    }
    EXPECT_LT(relative_error(y.rows(b, 1), expected), tolerance()) << "row " << b;
  }
}

TEST_P(CachedLevel, TwoRunsGiveTheSameBits) {
  const Sizes s{384, 12, 32, 1024, 40, 2, 2, true};
  const std::vector<Tensor> inputs{tensor(random(s.D, 5), {1, 1, s.D}), tensor(random(s.D, 6), {1, 1, s.D})};
  std::vector<float> runs[2];
  for (auto& run : runs) {
    Level level = make(s);
    for (int64_t t = 0; t < 8; ++t) run = this->run(inputs, level, at(0), at(t)).to_vector<float>();
  }
  EXPECT_EQ(runs[0], runs[1]);
}

TEST_P(CachedLevel, WhatDoesNotFitIsRefused) {
  const Sizes s{128, 4, 32, 256, 9, 1, 1, true};
  Level level = make(s);
  const std::vector<Tensor> inputs{tensor(random(s.D, 5), {1, 1, s.D})};
  const Tensor zero = at(0);
  const auto call = [&](const std::vector<Tensor>& x, const std::vector<CachedBlock>& blocks, int heads) {
    return ops::cached_level(x, blocks, &*level.rope, zero, zero, heads, eps);
  };
  EXPECT_NO_THROW(call(inputs, level.blocks, 4));
  EXPECT_THROW(call({}, level.blocks, 4), DeviceError);
  EXPECT_THROW(call(inputs, {}, 4), DeviceError);
  EXPECT_THROW(call(inputs, level.blocks, 3), DeviceError);
  EXPECT_THROW(call(inputs, level.blocks, 2), DeviceError) << "tables for another head_dim";
  EXPECT_THROW(call({tensor(random(2 * s.D, 5), {2, 1, s.D})}, level.blocks, 4), DeviceError) << "two rows, one slot";
  auto blocks = level.blocks;
  blocks[0].k_cache = poisoned({1, s.window, 64}, dtype(), device());
  EXPECT_THROW(call(inputs, blocks, 4), DeviceError);
}

TRM_OP_SUITE(CachedLevel);

}  // namespace
}  // namespace trm::testing
