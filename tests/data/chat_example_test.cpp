#include "data/chat_example.h"

#include <gtest/gtest.h>

#include "data/error.h"
#include "tests/data/folders.h"
#include "tokenizer/markers.h"

namespace trm {
namespace {

constexpr int32_t kU = 1, kEndU = 2, kA = 3, kEndA = 4, kSep = 5, kEnd = 6;  // other numbers are text
constexpr int32_t kNo = -100;

ChatExample example(const std::vector<int32_t>& tokens, size_t max_length, LossOn loss_on) {
  return chat_example(tokens, max_length, loss_on, kA, kEndA);
}

TEST(ChatExample, LabelsAreTheNextTokens) {
  const auto e = example({kU, 10, kEndU, kSep, kA, 11, kEndA, kEnd}, 20, LossOn::kAll);
  EXPECT_EQ(e.inputs, (std::vector<int32_t>{kU, 10, kEndU, kSep, kA, 11, kEndA}));
  EXPECT_EQ(e.labels, (std::vector<int32_t>{10, kEndU, kSep, kA, 11, kEndA, kEnd}));
}

TEST(ChatExample, AssistantLabelsRunFromBehindTheMarkerThroughItsEnd) {
  const auto e = example({kU, 10, kEndU, kSep, kA, 11, 12, kEndA, kSep, kU, 13, kEndU, kSep, kA, kEndA, kEnd}, 20,
                         LossOn::kAssistant);
  EXPECT_EQ(e.labels,
            (std::vector<int32_t>{kNo, kNo, kNo, kNo, 11, 12, kEndA, kNo, kNo, kNo, kNo, kNo, kNo, kEndA, kNo}));
}

TEST(ChatExample, AnswersOfWeightZeroHaveNoLabels) {
  const std::vector<int32_t> tokens = {kU, 10, kEndU, kSep, kA, 11, kEndA, kSep, kA, 12, kEndA, kEnd};
  EXPECT_EQ(chat_example(tokens, 20, LossOn::kAssistant, kA, kEndA, {false, true}).labels,
            (std::vector<int32_t>{kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, 12, kEndA, kNo}));
  EXPECT_EQ(chat_example(tokens, 20, LossOn::kAll, kA, kEndA, {false, true}).labels,
            (std::vector<int32_t>{10, kEndU, kSep, kA, kNo, kNo, kSep, kA, 12, kEndA, kEnd}));
  Conversation conversation{"x", {{Role::kUser, "say <|assistant|>"}, {Role::kAssistant, "a", false}}};
  EXPECT_EQ(learned_answers(conversation, true), (std::vector<bool>{true, false}));
  conversation.turns[1].learned = true;
  EXPECT_TRUE(learned_answers(conversation, true).empty());
}

TEST(ChatExample, CutAtMaxLength) {
  const std::vector<int32_t> tokens = {kU, 10, kEndU, kSep, kA, 11, 12, kEndA, kEnd};
  const auto e = example(tokens, 6, LossOn::kAssistant);
  EXPECT_EQ(e.inputs, (std::vector<int32_t>{kU, 10, kEndU, kSep, kA}));
  EXPECT_EQ(e.labels, (std::vector<int32_t>{kNo, kNo, kNo, kNo, 11}));
  EXPECT_FALSE(example(tokens, 5, LossOn::kAssistant).has_label());
  EXPECT_TRUE(example(tokens, 5, LossOn::kAll).has_label());
  EXPECT_EQ(example(tokens, 9, LossOn::kAll).inputs.size(), 8u);  // exactly fitting: still a place for a pad
}

TEST(ChatExample, TooShortForALabel) {
  EXPECT_FALSE(example({}, 5, LossOn::kAll).has_label());
  EXPECT_FALSE(example({kEnd}, 5, LossOn::kAll).has_label());
  EXPECT_FALSE(example({kU, 10, kEndU, kEnd}, 5, LossOn::kAssistant).has_label());
}

TEST(ConversationText, TurnsInMarkers) {
  const Conversation conversation{"x", {{Role::kSystem, "s"}, {Role::kUser, "u"}, {Role::kAssistant, "a"}}};
  EXPECT_EQ(conversation_text(conversation, true),
            "<|system|>s<|endsystem|><|sep|><|user|>u<|enduser|><|sep|><|assistant|>a<|endassistant|><|endoftext|>");
  EXPECT_EQ(conversation_text(conversation, false),
            "<|user|>u<|enduser|><|sep|><|assistant|>a<|endassistant|><|endoftext|>");
  EXPECT_EQ(conversation_text({"y", {{Role::kSystem, "s"}}}, false), "");
}

TEST(LossOn, Names) {
  EXPECT_EQ(parse_loss_on("assistant"), LossOn::kAssistant);
  EXPECT_ERROR_WITH(parse_loss_on("user"), "--loss-on is 'user'", "all", "assistant");
}

}  // namespace
}  // namespace trm
