// Incremental decoding gives the window's logits, token by token and in pieces, on every device.
#include "device/backend.h"
#include "model/decoder.h"

#include "tests/model/causal_model.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

ModelConfig small_config(DType dtype, PositionEncoding positions) {
  return causal_model(dtype, positions, 48, 2);
}

class DecoderTest : public OpTest {
 protected:
  void expect_equal_logits(const ModelConfig& config) {
    const Model model(config, device(), 7, false);
    const auto tokens = random_integers(config.seq_len, 1, config.vocab_size, 3);
    const auto window = make_window_decoder(model);
    const auto incremental = make_incremental_decoder(model, Backend::of(device()).can_capture());
    const double tolerance = dtype() == DType::float32 ? 1e-5 : 4e-2;
    size_t fed = 0;
    for (const size_t piece : {size_t{5}, size_t{1}, size_t{1}, size_t{1}, size_t{3}, size_t{1}, size_t{1}}) {
      const std::span<const int32_t> part(tokens.data() + fed, piece);
      const auto expected = widen(copy(window->feed(part)));
      EXPECT_LT(norm_error(copy(incremental->feed(part)), expected), tolerance) << "after token " << fed + piece;
      fed += piece;
    }
    incremental->reset();
    window->reset();
    const std::span<const int32_t> all(tokens);
    EXPECT_LT(norm_error(copy(incremental->feed(all)), widen(copy(window->feed(all)))), tolerance);
    EXPECT_THROW(incremental->feed(all.first(1)), std::length_error);
    EXPECT_THROW(window->feed(all.first(1)), std::length_error);
  }
};

TEST_P(DecoderTest, Rope) { expect_equal_logits(small_config(dtype(), PositionEncoding::rope)); }
/// Widths that the fused level of a device takes.
ModelConfig wide_config(DType dtype, PositionEncoding positions) {
  ModelConfig c = small_config(dtype, positions);
  c.hidden_size = 128;
  return c;
}
TEST_P(DecoderTest, RopeInAFusedLevel) { expect_equal_logits(wide_config(dtype(), PositionEncoding::rope)); }
TEST_P(DecoderTest, LearnedPositionsInAFusedLevel) {
  expect_equal_logits(wide_config(dtype(), PositionEncoding::learned));
}
TEST_P(DecoderTest, NoPositionsInAFusedLevel) { expect_equal_logits(wide_config(dtype(), PositionEncoding::none)); }
TEST_P(DecoderTest, EveryVariantInAFusedLevel) {
  for (const char* variant : {"trm_singlez", "trm_hier6", "hrm", "transformers_baseline"}) {
    ModelConfig config = wide_config(dtype(), PositionEncoding::rope);
    config.name = variant;
    config.H_layers = 2;
    if (config.name == "trm_hier6") config.L_cycles = 6;  // one for each of its features
    expect_equal_logits(config);
  }
}

TEST_P(DecoderTest, ReplayedGraphsGiveTheBitsOfEagerSteps) {
  if (!Backend::of(device()).can_capture()) GTEST_SKIP() << "nothing is captured on " << to_string(device());
  for (const PositionEncoding positions : {PositionEncoding::rope, PositionEncoding::learned}) {
    const ModelConfig config = wide_config(dtype(), positions);
    const Model model(config, device(), 7, false);
    const auto tokens = random_integers(config.seq_len, 1, config.vocab_size, 3);
    const auto captured = make_incremental_decoder(model, true), eager = make_incremental_decoder(model, false);
    for (const int32_t& token : tokens) ASSERT_EQ(copy(captured->feed({&token, 1})), copy(eager->feed({&token, 1})));
  }
}

TEST_P(DecoderTest, LearnedPositions) { expect_equal_logits(small_config(dtype(), PositionEncoding::learned)); }
TEST_P(DecoderTest, PuzzlePrefix) {
  ModelConfig config = small_config(dtype(), PositionEncoding::rope);
  config.puzzle_emb_ndim = 96;
  config.puzzle_emb_len = 3;
  expect_equal_logits(config);
}

TEST_P(DecoderTest, RefusesModelsThatSeeTheFuture) {
  ModelConfig config = small_config(dtype(), PositionEncoding::rope);
  config.causal = false;
  const Model model(config, device(), 7, false);
  EXPECT_THROW(make_incremental_decoder(model, false), std::invalid_argument);
  EXPECT_EQ(make_window_decoder(model)->feed(std::vector<int32_t>{1, 2, 3}).size(), 53u);
}

TRM_OP_SUITE(DecoderTest);

}  // namespace
}  // namespace trm::testing
