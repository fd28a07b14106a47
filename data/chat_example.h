#pragma once
// How a conversation becomes text, tokens and labels.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/conversations.h"

namespace trm {

/// Which labels count: all of them, or only those after <|assistant|> through <|endassistant|>.
enum class LossOn { kAll, kAssistant };

/// Throws DataError for anything but "all" and "assistant".
LossOn parse_loss_on(const std::string& name);

/// Turns in their markers, joined by <|sep|>, ended by <|endoftext|>. Empty where nothing is left without system turns.
std::string conversation_text(const Conversation& conversation, bool keep_system);

/// inputs = tokens[:-1], labels = tokens[1:]; labels that do not count are -100.
struct ChatExample {
  std::vector<int32_t> inputs, labels;

  bool has_label() const;
};

/// Of each <|assistant|> in conversation_text(), whether the turn that it stands in is learned; empty where all are.
std::vector<bool> learned_answers(const Conversation& conversation, bool keep_system);

/// Cuts at max_length tokens first, so that an example has at most max_length - 1. The ids are those of the markers.
/// `learned` as above: answers that are not learned have no labels, whatever loss_on is.
ChatExample chat_example(std::span<const int32_t> tokens, size_t max_length, LossOn loss_on, int32_t assistant,
                         int32_t end_assistant, const std::vector<bool>& learned = {});

}  // namespace trm
