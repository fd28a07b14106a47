// Several texts in one engine: each has the logits that it has alone, bit for bit, whenever the others come and go.
#include "model/decoding_engine.h"

#include <algorithm>

#include "device/backend.h"
#include "model/decoder.h"
#include "tests/model/causal_model.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

ModelConfig config_of(DType dtype, PositionEncoding positions, int hidden_size) {
  return causal_model(dtype, positions, hidden_size, 1);
}

/// What feeds a session: a prompt, then a token at a time.
struct Text {
  std::vector<int32_t> tokens;
  int64_t prompt, begins;
  std::unique_ptr<Session> session{};
  std::unique_ptr<Decoder> alone{};
  int64_t pushed = 0;
  bool over() const { return pushed == static_cast<int64_t>(tokens.size()) && session && session->ready(); }
};

class DecodingEngineTest : public OpTest {
 protected:
  void expect_independent(const ModelConfig& config, bool compile) {
    const Model model(config, device(), 7, false);
    DecodingEngine engine(model, {.slots = 8, .compile = compile, .prefill_chunk = 64});
    std::vector<Text> texts;
    for (int64_t i = 0; i < 9; ++i) {  // one more than there are slots: the last begins where another has ended
      const int64_t length = 4 + 3 * i % 14, prompt = 1 + i % 4;
      texts.push_back({random_integers(length, 1, config.vocab_size, 20 + i), prompt, i % 3});
      texts.back().alone = make_incremental_decoder(model, false);
    }
    texts.back().begins = 6;
    for (int64_t round = 0; std::ranges::any_of(texts, [](const Text& t) { return t.pushed >= 0; }); ++round) {
      ASSERT_LT(round, 200);
      for (Text& t : texts) {
        if (t.pushed < 0 || round < t.begins) continue;
        if (!t.session) t.session = engine.open();
        if (!t.session) continue;
        if (t.session->ready()) {
          const int64_t count = t.pushed == 0 ? t.prompt : 1;
          t.session->push(std::span<const int32_t>(t.tokens).subspan(t.pushed, count));
          t.pushed += count;
        }
      }
      ASSERT_TRUE(engine.advance());
      for (size_t i = 0; i < texts.size(); ++i) {
        Text& t = texts[i];
        if (!t.session || t.pushed <= 0 || !t.session->ready()) continue;
        const int64_t fed = t.alone->length();
        if (fed == t.pushed) continue;
        ASSERT_EQ(copy(t.session->logits()),
                  copy(t.alone->feed(std::span<const int32_t>(t.tokens).subspan(fed, t.pushed - fed))))
            << "text " << i << " after token " << t.pushed << ", round " << round;
        if (t.over()) {
          t.session.reset();
          t.pushed = -1;
        }
      }
    }
    EXPECT_FALSE(engine.advance()) << "nobody waits";
    EXPECT_EQ(engine.free_slots(), 8);
  }
};

TEST_P(DecodingEngineTest, TextsDoNotDependOnTheirNeighbours) {
  for (const int width : {48, 128})  // composed, and fused where a device has it
    for (const PositionEncoding positions : {PositionEncoding::rope, PositionEncoding::learned})
      expect_independent(config_of(dtype(), positions, width), false);
}

TEST_P(DecodingEngineTest, NorWithAPuzzlePrefix) {
  ModelConfig config = config_of(dtype(), PositionEncoding::learned, 48);
  config.puzzle_emb_ndim = 96;
  config.puzzle_emb_len = 3;
  expect_independent(config, false);
}

TEST_P(DecodingEngineTest, NorInCapturedSteps) {
  if (!Backend::of(device()).can_capture()) GTEST_SKIP() << "nothing is captured on " << to_string(device());
  for (const PositionEncoding positions : {PositionEncoding::rope, PositionEncoding::learned})
    expect_independent(config_of(dtype(), positions, 128), true);
}

TEST_P(DecodingEngineTest, APromptInChunksIsThatInOnePiece) {
  for (const PositionEncoding positions : {PositionEncoding::rope, PositionEncoding::learned}) {
    ModelConfig config = config_of(dtype(), positions, 48);
    config.puzzle_emb_ndim = 96;
    config.puzzle_emb_len = 3;
    const Model model(config, device(), 7, false);
    const auto tokens = random_integers(19, 1, config.vocab_size, 3);
    DecodingEngine engine(model, {.slots = 2, .prefill_chunk = 5});
    const auto session = engine.open();
    session->push(tokens);
    int64_t steps = 0;
    while (!session->ready()) {
      ASSERT_TRUE(engine.advance());
      ++steps;
    }
    EXPECT_EQ(steps, 4);
    EXPECT_LT(norm_error(copy(session->logits()), widen(copy(make_window_decoder(model)->feed(tokens)))),
              dtype() == DType::float32 ? 1e-5 : 4e-2);
  }
}

TEST_P(DecodingEngineTest, PromptsTakeTurnsAndDoNotStopTheOthers) {
  const Model model(config_of(dtype(), PositionEncoding::rope, 48), device(), 7, false);
  const auto tokens = random_integers(12, 1, 53, 3);
  DecodingEngine engine(model, {.slots = 3, .prefill_chunk = 4});
  const auto first = engine.open(), second = engine.open(), third = engine.open();
  EXPECT_EQ(engine.open(), nullptr);
  third->push(std::span(tokens).first(1));
  engine.advance();
  first->push(tokens);
  second->push(tokens);
  std::vector<int64_t> waiting;
  for (int step = 0; step < 6; ++step) {
    third->push(std::span(tokens).subspan(step, 1));
    ASSERT_TRUE(engine.advance());
    EXPECT_TRUE(third->ready()) << "step " << step;
    waiting.push_back(first->waiting());
    waiting.push_back(second->waiting());
  }
  EXPECT_EQ(waiting, (std::vector<int64_t>{8, 12, 8, 8, 4, 8, 4, 4, 0, 4, 0, 0}));
}

TEST_P(DecodingEngineTest, WhatIsRefusedChangesNothing) {
  const ModelConfig config = config_of(dtype(), PositionEncoding::rope, 48);
  const Model model(config, device(), 7, false);
  const auto tokens = random_integers(25, 1, 53, 3);
  DecodingEngine engine(model, {.slots = 1});
  const auto session = engine.open();
  EXPECT_THROW(session->push({}), std::invalid_argument);
  EXPECT_THROW(session->push(tokens), std::length_error);
  EXPECT_THROW(session->logits(), std::logic_error);
  EXPECT_EQ(session->length(), 0);
  EXPECT_THROW(DecodingEngine(model, {.slots = 0}), std::invalid_argument);
  ModelConfig future = config;
  future.causal = false;
  const Model other(future, device(), 7, false);
  EXPECT_THROW(DecodingEngine(other, {}), std::invalid_argument);
}

// A forward pass that throws, here for a token that is not in the vocabulary, leaves decoders as they were.
TEST_P(DecodingEngineTest, AFailedStepCanBeTriedAgain) {
  if (device().kind != DeviceKind::cpu) GTEST_SKIP() << "other devices do not look at tokens";
  const Model model(config_of(dtype(), PositionEncoding::rope, 48), device(), 7, false);
  const std::vector<int32_t> good{1, 2, 3}, bad{4, 99}, next{5};
  for (const bool window : {false, true}) {
    const auto make = [&] { return window ? make_window_decoder(model) : make_incremental_decoder(model, false); };
    const auto decoder = make(), other = make();
    decoder->feed(good);
    other->feed(good);
    EXPECT_THROW(decoder->feed(bad), std::runtime_error);
    EXPECT_THROW(decoder->feed(std::span(bad).last(1)), std::runtime_error);
    EXPECT_EQ(decoder->length(), 3);
    EXPECT_EQ(copy(decoder->feed(next)), copy(other->feed(next)));
  }
}

TRM_OP_SUITE(DecodingEngineTest);

}  // namespace
}  // namespace trm::testing
