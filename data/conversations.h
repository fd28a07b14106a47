#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace trm {

enum class Role { kUser, kAssistant, kSystem };

struct Turn {
  Role role;
  std::string text;
  bool learned = true;  ///< an answer of weight 0 is not
};

struct Conversation {
  std::string id;
  std::vector<Turn> turns;
};

/// sharegpt: {id, system, conversations: [{from, value, weight}]}; alpaca: {instruction, input, output, system,
/// history:
/// [[question, answer]]}; openassistant, messages: {messages: [{role, content, weight}]}. {role, content} and {from,
/// value} stand for each other. "weight": 0 of an answer, OpenAI's, means that it is not to be learned.
enum class ChatFormat { kShareGpt, kAlpaca, kOpenAssistant, kMessages };

/// Throws DataError naming the four formats.
ChatFormat parse_chat_format(const std::string& name);
std::string chat_format_name(ChatFormat format);

struct Conversations {
  std::vector<Conversation> list;  ///< in the order of the files
  ChatFormat format = ChatFormat::kShareGpt;
  uint64_t without_turns = 0;  ///< left out
  uint64_t bad_records = 0;    ///< left out
  std::string first_bad;       ///< why the first of them was
  /// Keys that say something and are not read, with how many records or turns have them ("messages[].tool_calls").
  std::map<std::string, uint64_t> unread;
};

/// Reads JSON or JSON Lines files. Without a format, that of the first record. Throws DataError naming file,
/// conversation and turn: malformed JSON, a record of another format (and which one it looks like), a turn without
/// text, an unknown role, no conversations at all. With `skip_bad`, records that cannot be read are left out instead.
Conversations read_conversations(const std::vector<std::filesystem::path>& files, std::optional<ChatFormat> format,
                                 bool skip_bad = false);

}  // namespace trm
