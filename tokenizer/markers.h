#pragma once
// The special tokens of chat data. A conversation is turns joined by kSep and ended by kEndOfText; a turn is its
// opening marker, the text, and its closing marker.
#include <string>
#include <vector>

namespace trm::markers {

inline constexpr const char* kPad = "<|pad|>";
inline constexpr const char* kStartOfText = "<|startoftext|>";
inline constexpr const char* kSep = "<|sep|>";
inline constexpr const char* kUser = "<|user|>";
inline constexpr const char* kEndUser = "<|enduser|>";
inline constexpr const char* kAssistant = "<|assistant|>";
inline constexpr const char* kEndAssistant = "<|endassistant|>";
inline constexpr const char* kSystem = "<|system|>";
inline constexpr const char* kEndSystem = "<|endsystem|>";
inline constexpr const char* kEndOfText = "<|endoftext|>";

/// The nine chat markers in the order of their new ids (GPT-2, which has its own <|endoftext|> at 50256: 50257…50265).
inline std::vector<std::string> chat() {
  return {kPad, kStartOfText, kSep, kUser, kEndUser, kAssistant, kEndAssistant, kSystem, kEndSystem};
}

/// <|endoftext|> followed by the nine: the special tokens of a tokenizer learned here.
inline std::vector<std::string> all() {
  std::vector<std::string> names = {kEndOfText};
  for (auto& name : chat()) names.push_back(name);
  return names;
}

}  // namespace trm::markers
