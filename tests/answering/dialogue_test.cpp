#include "answering/dialogue.h"

#include <algorithm>

#include "data/chat_example.h"
#include "tokenizer/markers.h"

namespace trm {
namespace {

using Tokens = std::vector<int32_t>;

const Tokenizer& chat_tokenizer() {
  static const Tokenizer tokenizer =
      Tokenizer::train({"hello there, how are you, hello you there"}, 290, markers::all());
  return tokenizer;
}
const Tokenizer& text_tokenizer() {
  static const Tokenizer tokenizer = Tokenizer::characters({"abcdefghij"});
  return tokenizer;
}

std::string text_of(const Dialogue::Prompt& prompt) { return chat_tokenizer().decode(prompt.tokens); }

std::string error_of(Dialogue& dialogue, const std::string& text) {
  try {
    dialogue.ask(text);
  } catch (const PromptError& error) {
    return error.what();
  }
  return "";
}

void exchange(Dialogue& dialogue, const std::string& question, const std::string& answer) {
  dialogue.ask(question);
  dialogue.answered(chat_tokenizer().encode(answer));
}

TEST(ChatDialogue, TheTemplate) {
  const auto plain = make_dialogue(chat_tokenizer(), 100, 10, "");
  EXPECT_EQ(text_of(plain->ask("hello")), "<|user|>hello<|enduser|><|sep|><|assistant|>");
  const auto with_system = make_dialogue(chat_tokenizer(), 100, 10, "Be kind.");
  EXPECT_EQ(text_of(with_system->ask("hello")),
            "<|system|>Be kind.<|endsystem|><|sep|><|user|>hello<|enduser|><|sep|><|assistant|>");
}

TEST(ChatDialogue, TheTokensAreThoseOfTraining) {
  const Conversation trained{"1",
                             {{Role::kSystem, "how"},
                              {Role::kUser, "hello you"},
                              {Role::kAssistant, "there"},
                              {Role::kUser, "are you"},
                              {Role::kAssistant, "x"}}};
  Tokens expected = chat_tokenizer().encode(conversation_text(trained, true));
  expected.resize(expected.size() - 3);  // x<|endassistant|><|endoftext|>
  const auto dialogue = make_dialogue(chat_tokenizer(), 200, 10, "how");
  exchange(*dialogue, "hello you", "there");
  EXPECT_EQ(dialogue->ask("are you").tokens, expected);
}

TEST(ChatDialogue, MarkersInTheTextAreMarkersAsInTraining) {
  const auto dialogue = make_dialogue(chat_tokenizer(), 100, 10, "");
  const auto prompt = dialogue->ask("a<|sep|>b");
  EXPECT_EQ(std::count(prompt.tokens.begin(), prompt.tokens.end(), chat_tokenizer().token_id(markers::kSep).value()),
            2);
}

TEST(ChatDialogue, TheOldestExchangesAreDropped) {
  // A question of one character has 5 tokens, an exchange with an answer of two 9, the system text 4.
  const auto dialogue = make_dialogue(chat_tokenizer(), 30, 8, "S");
  exchange(*dialogue, "a", "AA");
  exchange(*dialogue, "b", "BB");
  const auto third = dialogue->ask("c");  // 4 + 18 + 5 + 8 > 30
  EXPECT_EQ(text_of(third),
            "<|system|>S<|endsystem|><|sep|><|user|>b<|enduser|><|sep|><|assistant|>BB<|endassistant|><|sep|><|user|>c<"
            "|enduser|><|sep|><|assistant|>");
  EXPECT_NE(third.note.find("oldest question"), std::string::npos) << third.note;
  dialogue->answered(chat_tokenizer().encode("CC"));
  const auto fourth = dialogue->ask("d");
  EXPECT_EQ(fourth.tokens.size(), 18u);
  EXPECT_LE(fourth.tokens.size() + 8, 30u);
}

TEST(ChatDialogue, WhatFitsExactlyStays) {
  const auto dialogue = make_dialogue(chat_tokenizer(), 22, 8, "");
  exchange(*dialogue, "a", "AA");
  const auto prompt = dialogue->ask("b");  // 9 + 5 + 8
  EXPECT_EQ(prompt.tokens.size(), 14u);
  EXPECT_EQ(prompt.note, "");
  const auto narrower = make_dialogue(chat_tokenizer(), 21, 8, "");
  exchange(*narrower, "a", "AA");
  EXPECT_EQ(narrower->ask("b").tokens.size(), 5u);
}

TEST(ChatDialogue, AQuestionTooLongIsAnErrorAndChangesNothing) {
  const auto dialogue = make_dialogue(chat_tokenizer(), 30, 8, "");
  exchange(*dialogue, "a", "AA");
  const std::string error = error_of(*dialogue, std::string(27, 'z'));
  EXPECT_NE(error.find("31 tokens"), std::string::npos) << error;
  EXPECT_NE(error.find("30"), std::string::npos) << error;
  EXPECT_EQ(error_of(*dialogue, ""), "the prompt is empty: give a text to answer");
  EXPECT_EQ(dialogue->ask("b").tokens.size(), 14u);
  EXPECT_EQ(dialogue->ask(std::string(26, 'z')).tokens.size(), 30u);  // exactly the window
}

TEST(ChatDialogue, ResetKeepsTheSystemText) {
  const auto dialogue = make_dialogue(chat_tokenizer(), 100, 8, "S");
  const Tokens first = dialogue->ask("b").tokens;
  dialogue->answered(Tokens{1, 2});
  dialogue->reset();
  EXPECT_EQ(dialogue->ask("b").tokens, first);
}

TEST(ChatDialogue, BytesThatAreNotUtf8AreAccepted) {
  const auto dialogue = make_dialogue(chat_tokenizer(), 100, 8, "");
  EXPECT_EQ(dialogue->ask("a\xff\xc3").tokens.size(), 7u);
}

TEST(TextDialogue, WithoutMarkersTheTextGoesOn) {
  const auto dialogue = make_dialogue(text_tokenizer(), 100, 10, "");
  EXPECT_FALSE(has_turn_markers(text_tokenizer()));
  EXPECT_EQ(dialogue->ask("abc").tokens, text_tokenizer().encode("abc"));
  dialogue->answered(text_tokenizer().encode("de"));
  EXPECT_EQ(dialogue->ask("fg").tokens, text_tokenizer().encode("abcde\nfg"));
  dialogue->reset();
  EXPECT_EQ(dialogue->ask("a").tokens, text_tokenizer().encode("a"));
  EXPECT_THROW(dialogue->ask(""), PromptError);
  EXPECT_THROW(make_dialogue(text_tokenizer(), 100, 10, "system"), PromptError);
}

TEST(TextDialogue, OfWhatDoesNotFitTheOldestIsLeftOut) {
  const auto dialogue = make_dialogue(text_tokenizer(), 8, 4, "");
  EXPECT_EQ(dialogue->ask("abcdefgh").note, "");  // a text that fits is kept whole, even if little room is left
  const auto prompt = dialogue->ask("j");
  EXPECT_EQ(prompt.tokens, text_tokenizer().encode("gh\nj"));
  EXPECT_NE(prompt.note.find("first 6 tokens are left out"), std::string::npos) << prompt.note;
  dialogue->reset();
  EXPECT_EQ(dialogue->ask("abcdefghij").tokens, text_tokenizer().encode("ghij"));
}

}  // namespace
}  // namespace trm
