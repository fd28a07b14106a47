#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace trm {

enum class Role { kUser, kAssistant, kSystem };

struct Turn {
  Role role;
  std::string text;
};

struct Conversation {
  std::string id;
  std::vector<Turn> turns;
};

/// sharegpt: {id, conversations: [{from, value}]}; alpaca: {instruction, input, output};
/// openassistant, messages: {messages: [{role, content}]}.
enum class ChatFormat { kShareGpt, kAlpaca, kOpenAssistant, kMessages };

/// Throws DataError naming the four formats.
ChatFormat parse_chat_format(const std::string& name);
std::string chat_format_name(ChatFormat format);

struct Conversations {
  std::vector<Conversation> list;  ///< in the order of the files
  ChatFormat format = ChatFormat::kShareGpt;
  uint64_t without_turns = 0;  ///< left out
};

/// Reads JSON or JSON Lines files. Without a format, that of the first record. Throws DataError naming file,
/// conversation and turn: malformed JSON, a record of another format (and which one it looks like), a turn without
/// text, an unknown role, no conversations at all.
Conversations read_conversations(const std::vector<std::filesystem::path>& files, std::optional<ChatFormat> format);

}  // namespace trm
