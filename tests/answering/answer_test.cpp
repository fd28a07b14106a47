// Answers of a decoder that follows a script.
#include "answering/answer.h"

#include <stdexcept>

#include "tokenizer/markers.h"

namespace trm {
namespace {

using Tokens = std::vector<int32_t>;

const Tokenizer& tokenizer() {
  static const Tokenizer made = Tokenizer::train({"hello there"}, 270, markers::all());
  return made;
}

/// Token n of an answer is the n-th of the script, whatever was fed.
class Script final : public Decoder {
 public:
  Script(Tokens script, int64_t window) : Decoder(window), script_(std::move(script)) {}
  std::span<const float> feed(std::span<const int32_t> tokens) override {
    require_room(static_cast<int64_t>(tokens.size()));
    fed.emplace_back(tokens.begin(), tokens.end());
    length_ += static_cast<int64_t>(tokens.size());
    logits_.assign(static_cast<size_t>(tokenizer().vocab_size()), 0.0f);
    logits_[static_cast<size_t>(script_.at(next_++))] = 1;
    return logits_;
  }
  void reset() override {
    length_ = 0;
    ++resets;
  }
  int64_t length() const override { return length_; }

  std::vector<Tokens> fed;
  int resets = 0;

 private:
  Tokens script_;
  std::vector<float> logits_;
  size_t next_ = 0;
  int64_t length_ = 0;
};

struct Rig {
  explicit Rig(const std::string& text, int64_t window = 100, int64_t max_new_tokens = 50,
               std::vector<std::string> stops = {}) {
    auto made = std::make_unique<Script>(tokenizer().encode(text), window);
    script = made.get();
    answerer = std::make_unique<Answerer>(std::move(made), tokenizer(),
                                          AnswerOptions{{.temperature = 0}, 1, max_new_tokens, std::move(stops)});
  }
  Answer answer(const std::string& prompt) {
    pieces.clear();
    return answerer->answer(tokenizer().encode(prompt), [this](std::string_view piece) { pieces.emplace_back(piece); });
  }
  Script* script;
  std::unique_ptr<Answerer> answerer;
  std::vector<std::string> pieces;
};

TEST(Answerer, EndsAtTheMarkersOfAnEnd) {
  for (const char* end : {markers::kEndAssistant, markers::kEndOfText}) {
    Rig rig(std::string("abc") + end + "never");
    const Answer answer = rig.answer("xy");
    EXPECT_EQ(answer.text, "abc");
    EXPECT_EQ(answer.end, AnswerEnd::marker);
    EXPECT_EQ(answer.tokens, tokenizer().encode("abc"));
    EXPECT_EQ(answer.sampled, 4);
    EXPECT_EQ(rig.pieces, (std::vector<std::string>{"a", "b", "c"}));
  }
}

TEST(Answerer, SpecialTokensAreNotWritten) {
  Rig rig("a<|sep|>b<|endassistant|>");
  EXPECT_EQ(rig.answer("x").text, "ab");
}

TEST(Answerer, AStopTextMayBeOrHoldASpecialToken) {
  for (const char* stop : {"<|sep|>", "a<|sep|>", "<|sep|>b", "<|s"}) {
    Rig rig("ca<|sep|>bd<|endassistant|>", 100, 50, {stop});
    const Answer answer = rig.answer("x");
    EXPECT_EQ(answer.text, std::string(stop)[0] == 'a' ? "c" : "ca") << stop;
    EXPECT_EQ(answer.end, AnswerEnd::stop) << stop;
    EXPECT_EQ(answer.tokens, tokenizer().encode(answer.text)) << stop;
  }
  Rig other("a<|sep|>b<|endassistant|>", 100, 50, {"<|user|>"});
  EXPECT_EQ(other.answer("x").text, "ab");
}

/// A model whose vocabulary was padded: its logits are highest where the tokenizer has no token.
class Padded final : public Decoder {
 public:
  Padded() : Decoder(100) {}
  std::span<const float> feed(std::span<const int32_t> tokens) override {
    length_ += static_cast<int64_t>(tokens.size());
    logits_.assign(static_cast<size_t>(tokenizer().vocab_size()) + 30, 0.0f);
    logits_.back() = 9;
    logits_[static_cast<size_t>(tokenizer().encode("a").front())] = 1;
    return logits_;
  }
  void reset() override { length_ = 0; }
  int64_t length() const override { return length_; }

 private:
  std::vector<float> logits_;
  int64_t length_ = 0;
};

TEST(Answerer, IdsThatTheTokenizerLacksAreNeverDrawn) {
  Answerer answerer(std::make_unique<Padded>(), tokenizer(), AnswerOptions{{.temperature = 0}, 1, 3, {}});
  EXPECT_EQ(answerer.answer(tokenizer().encode("x"), [](std::string_view) {}).text, "aaa");
}

TEST(Answerer, WholeCharactersOnly) {
  Rig rig("\xe4\xbd\xa0\xf0\x9f\x98\x80\xe4<|endassistant|>");
  EXPECT_EQ(rig.answer("x").text, "\xe4\xbd\xa0\xf0\x9f\x98\x80\xef\xbf\xbd");
  EXPECT_EQ(rig.pieces, (std::vector<std::string>{"\xe4\xbd\xa0", "\xf0\x9f\x98\x80", "\xef\xbf\xbd"}));
}

TEST(Answerer, StopStringsSpanTokens) {
  Rig rig("abEcENDxyz<|endassistant|>", 100, 50, {"END"});
  const Answer answer = rig.answer("x");
  EXPECT_EQ(answer.text, "abEc");
  EXPECT_EQ(answer.end, AnswerEnd::stop);
  EXPECT_EQ(answer.tokens, tokenizer().encode("abEc"));
  EXPECT_EQ(rig.pieces, (std::vector<std::string>{"a", "b", "Ec"}));
}

TEST(Answerer, AnUnfinishedStopStringIsWrittenAtTheEnd) {
  Rig rig("abEN<|endassistant|>", 100, 50, {"END"});
  EXPECT_EQ(rig.answer("x").text, "abEN");
}

TEST(Answerer, AsManyTokensAsAskedFor) {
  Rig rig("abcdef", 100, 3);
  const Answer answer = rig.answer("x");
  EXPECT_EQ(answer.text, "abc");
  EXPECT_EQ(answer.end, AnswerEnd::length);
  EXPECT_EQ(rig.script->length(), 3);  // the last token's successor is not computed
}

TEST(Answerer, AFullWindowStops) {
  Rig rig("abcdef", 5);
  const Answer answer = rig.answer("xyz");  // 3 + 2, and the token that follows the fifth
  EXPECT_EQ(answer.text, "abc");
  EXPECT_EQ(answer.end, AnswerEnd::window);
  Rig full("abcdef", 3);
  EXPECT_EQ(full.answer("xyz").text, "a");
}

TEST(Answerer, OnlyWhatIsNewIsFed) {
  Rig rig("ab<|endassistant|>cd<|endassistant|>ef<|endassistant|>");
  rig.answer("x");
  EXPECT_EQ(rig.script->fed.size(), 3u);
  rig.answer("xab<|endassistant|>y");
  EXPECT_EQ(rig.script->fed[3], tokenizer().encode("<|endassistant|>y"));
  const int resets = rig.script->resets;
  EXPECT_EQ(rig.answer("other").text, "ef");
  EXPECT_EQ(rig.script->resets, resets + 1);
  EXPECT_EQ(rig.script->fed[6], tokenizer().encode("other"));
}

TEST(Answerer, NothingToAnswer) {
  Rig rig("a");
  EXPECT_THROW(rig.answer(""), std::invalid_argument);
}

}  // namespace
}  // namespace trm
