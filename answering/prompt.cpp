#include "answering/prompt.h"

#include <algorithm>

#include "tokenizer/markers.h"

namespace trm {
namespace {

struct Marks {
  const char *opens, *closes;
};
Marks marks_of(Speaker speaker) {
  switch (speaker) {
    case Speaker::system:
      return {markers::kSystem, markers::kEndSystem};
    case Speaker::assistant:
      return {markers::kAssistant, markers::kEndAssistant};
    default:
      return {markers::kUser, markers::kEndUser};
  }
}

bool has_all(const Tokenizer& tokenizer, std::initializer_list<const char*> names) {
  return std::ranges::all_of(names, [&](const char* name) { return tokenizer.token_id(name).has_value(); });
}

}  // namespace

bool has_turn_markers(const Tokenizer& tokenizer) {
  return has_all(tokenizer,
                 {markers::kUser, markers::kEndUser, markers::kSep, markers::kAssistant, markers::kEndAssistant});
}
bool has_system_markers(const Tokenizer& tokenizer) {
  return has_all(tokenizer, {markers::kSystem, markers::kEndSystem});
}

std::vector<int32_t> encode_text(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  for (const int32_t id : tokenizer.encode(text)) {
    if (!tokenizer.is_special(id)) {
      ids.push_back(id);
      continue;
    }
    const std::string_view marker = tokenizer.bytes(id);
    if (marker.size() < 2) continue;  // it cannot be written in any other way
    for (const std::string_view part : {marker.substr(0, 1), marker.substr(1)}) {
      const auto plain = encode_text(tokenizer, part);
      ids.insert(ids.end(), plain.begin(), plain.end());
    }
  }
  return ids;
}

std::vector<int32_t> turn_tokens(const Tokenizer& tokenizer, const Message& message, const std::string& after,
                                 MarkersInText how) {
  const Marks marks = marks_of(message.speaker);
  if (how == MarkersInText::read) return tokenizer.encode(marks.opens + message.text + marks.closes + after);
  std::vector<int32_t> tokens = tokenizer.encode(marks.opens);
  for (const auto& part : {encode_text(tokenizer, message.text), tokenizer.encode(marks.closes + after)})
    tokens.insert(tokens.end(), part.begin(), part.end());
  return tokens;
}

std::vector<int32_t> prompt_of(const Tokenizer& tokenizer, std::span<const Message> messages, MarkersInText how) {
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string after = std::string(markers::kSep) + (i + 1 == messages.size() ? markers::kAssistant : "");
    const auto turn = turn_tokens(tokenizer, messages[i], after, how);
    tokens.insert(tokens.end(), turn.begin(), turn.end());
  }
  return tokens;
}

}  // namespace trm
