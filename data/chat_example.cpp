#include "data/chat_example.h"

#include <algorithm>

#include "data/error.h"
#include "tokenizer/markers.h"

namespace trm {

LossOn parse_loss_on(const std::string& name) {
  if (name == "all") return LossOn::kAll;
  if (name == "assistant") return LossOn::kAssistant;
  throw DataError("--loss-on is '" + name + "'; all or assistant is needed");
}

std::string conversation_text(const Conversation& conversation, bool keep_system) {
  std::string text;
  for (const Turn& turn : conversation.turns) {
    if (turn.role == Role::kSystem && !keep_system) continue;
    if (!text.empty()) text += markers::kSep;
    switch (turn.role) {
      case Role::kUser:
        text += markers::kUser + turn.text + markers::kEndUser;
        break;
      case Role::kAssistant:
        text += markers::kAssistant + turn.text + markers::kEndAssistant;
        break;
      case Role::kSystem:
        text += markers::kSystem + turn.text + markers::kEndSystem;
        break;
    }
  }
  if (!text.empty()) text += markers::kEndOfText;
  return text;
}

bool ChatExample::has_label() const {
  return std::ranges::any_of(labels, [](int32_t label) { return label >= 0; });
}

std::vector<bool> learned_answers(const Conversation& conversation, bool keep_system) {
  const std::string_view marker = markers::kAssistant;
  std::vector<bool> learned;
  bool all = true;
  for (const Turn& turn : conversation.turns) {
    if (turn.role == Role::kSystem && !keep_system) continue;
    if (turn.role == Role::kAssistant) learned.push_back(turn.learned);
    for (size_t at = turn.text.find(marker); at != std::string::npos; at = turn.text.find(marker, at + marker.size()))
      learned.push_back(turn.learned);
    all = all && turn.learned;
  }
  return all ? std::vector<bool>() : learned;
}

ChatExample chat_example(std::span<const int32_t> tokens, size_t max_length, LossOn loss_on, int32_t assistant,
                         int32_t end_assistant, const std::vector<bool>& learned) {
  tokens = tokens.first(std::min(tokens.size(), max_length));
  if (tokens.empty()) return {};
  ChatExample example{{tokens.begin(), tokens.end() - 1}, {tokens.begin() + 1, tokens.end()}};
  if (loss_on == LossOn::kAll && learned.empty()) return example;
  bool inside = false, counts = true;  // behind an <|assistant|> that is not yet closed; whether that turn is learned
  size_t answer = 0;
  for (size_t i = 0; i < example.labels.size(); ++i) {
    if (example.inputs[i] == assistant) {
      inside = true;
      counts = answer >= learned.size() || learned[answer];
      ++answer;
    }
    const bool closes = example.labels[i] == end_assistant;
    if (inside ? !counts : loss_on == LossOn::kAssistant) example.labels[i] = -100;
    if (closes) inside = false;
  }
  return example;
}

}  // namespace trm
