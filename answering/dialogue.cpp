#include "answering/dialogue.h"

#include <algorithm>
#include <deque>

#include "answering/prompt.h"
#include "tokenizer/markers.h"

namespace trm {
namespace {

using Tokens = std::vector<int32_t>;

std::string tokens_text(size_t count) { return std::to_string(count) + (count == 1 ? " token" : " tokens"); }

class ChatDialogue final : public Dialogue {
 public:
  ChatDialogue(const Tokenizer& tokenizer, int64_t window, int64_t room, const std::string& system)
      : tokenizer_(tokenizer),
        window_(static_cast<size_t>(window)),
        room_(static_cast<size_t>(room)),
        link_(tokenizer.encode(std::string(markers::kEndAssistant) + markers::kSep)) {
    if (!system.empty())
      system_ = turn_tokens(tokenizer, {Speaker::system, system}, markers::kSep, MarkersInText::read);
  }

  Prompt ask(const std::string& text) override {
    if (text.empty()) throw PromptError("the prompt is empty: give a text to answer");
    const Message asked{Speaker::user, text};
    Tokens question = prompt_of(tokenizer_, std::span(&asked, 1), MarkersInText::read);
    const size_t least = system_.size() + question.size();
    if (least > window_)
      throw PromptError("the prompt does not fit the model's window: it has " + tokens_text(least) +
                        " with its markers" +
                        (system_.empty() ? "" : " and the system text (" + tokens_text(system_.size()) + ")") +
                        ", the window " + std::to_string(window_));
    size_t size = least;
    for (const Exchange& exchange : exchanges_) size += exchange.size(link_);
    size_t dropped = 0;
    for (; !exchanges_.empty() && size + room_ > window_; ++dropped) {
      size -= exchanges_.front().size(link_);
      exchanges_.pop_front();
    }
    Prompt prompt{system_, ""};
    const auto append = [&](const Tokens& tokens) {
      prompt.tokens.insert(prompt.tokens.end(), tokens.begin(), tokens.end());
    };
    for (const Exchange& exchange : exchanges_) {
      append(exchange.question);
      append(exchange.answer);
      append(link_);
    }
    append(question);
    asked_ = std::move(question);
    if (dropped > 0)
      prompt.note = "the oldest " +
                    (dropped == 1 ? std::string("question and its answer")
                                  : std::to_string(dropped) + " questions and their answers") +
                    " no longer fit the window of " + std::to_string(window_) + " tokens and are forgotten";
    return prompt;
  }

  void answered(std::span<const int32_t> tokens) override {
    exchanges_.push_back({asked_, Tokens(tokens.begin(), tokens.end())});
  }
  void reset() override { exchanges_.clear(); }

 private:
  struct Exchange {
    Tokens question, answer;
    size_t size(const Tokens& link) const { return question.size() + answer.size() + link.size(); }
  };

  const Tokenizer& tokenizer_;
  size_t window_, room_;
  Tokens link_, system_, asked_;
  std::deque<Exchange> exchanges_;
};

class TextDialogue final : public Dialogue {
 public:
  TextDialogue(const Tokenizer& tokenizer, int64_t window, int64_t room)
      : tokenizer_(tokenizer), window_(static_cast<size_t>(window)), room_(static_cast<size_t>(room)) {}

  Prompt ask(const std::string& text) override {
    if (text.empty()) throw PromptError("the prompt is empty: give a text to answer");
    const Tokens more = tokenizer_.encode(text_.empty() ? text : "\n" + text);
    if (more.empty()) throw PromptError("the tokenizer has no token for any character of the prompt");
    text_.insert(text_.end(), more.begin(), more.end());
    Prompt prompt;
    const size_t wanted = window_ - room_;
    if (text_.size() > wanted) {
      const size_t kept = more.size() > window_ ? wanted : std::max(wanted, more.size());
      const size_t dropped = text_.size() - kept;
      text_.erase(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(dropped));
      if (dropped > 0)
        prompt.note = "the text does not fit the window of " + std::to_string(window_) + " tokens: its first " +
                      tokens_text(dropped) + (dropped == 1 ? " is" : " are") + " left out";
    }
    prompt.tokens = text_;
    return prompt;
  }

  void answered(std::span<const int32_t> tokens) override { text_.insert(text_.end(), tokens.begin(), tokens.end()); }
  void reset() override { text_.clear(); }

 private:
  const Tokenizer& tokenizer_;
  size_t window_, room_;
  Tokens text_;
};

}  // namespace

std::unique_ptr<Dialogue> make_dialogue(const Tokenizer& tokenizer, int64_t window, int64_t room,
                                        const std::string& system) {
  const bool turns = has_turn_markers(tokenizer);
  if (!system.empty() && !(turns && has_system_markers(tokenizer)))
    throw PromptError(std::string("--system needs a tokenizer with the markers ") + markers::kSystem + " and " +
                      markers::kEndSystem + "; this model continues plain text");
  if (turns) return std::make_unique<ChatDialogue>(tokenizer, window, room, system);
  return std::make_unique<TextDialogue>(tokenizer, window, room);
}

}  // namespace trm
