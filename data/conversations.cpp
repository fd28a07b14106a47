#include "data/conversations.h"

#include <array>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/files.h"
#include "data/json_records.h"

namespace trm {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<ChatFormat, const char*>, 4> kFormats = {{{ChatFormat::kShareGpt, "sharegpt"},
                                                                         {ChatFormat::kAlpaca, "alpaca"},
                                                                         {ChatFormat::kOpenAssistant, "openassistant"},
                                                                         {ChatFormat::kMessages, "messages"}}};

std::optional<ChatFormat> looks_like(const json& record) {
  if (!record.is_object()) return std::nullopt;
  if (record.contains("conversations")) return ChatFormat::kShareGpt;
  if (record.contains("instruction")) return ChatFormat::kAlpaca;
  if (record.contains("messages")) return ChatFormat::kMessages;
  return std::nullopt;
}

/// One record of a file, with errors that say where it stands.
class RecordReader {
 public:
  RecordReader(const std::filesystem::path& file, const std::string& where, const json& record)
      : place_(quoted(file) + ", " + where), record_(record) {}

  Conversation read(ChatFormat format, uint64_t number) {
    check_format(format);
    Conversation conversation;
    conversation.id = identifier(format, number);
    place_ += " (conversation '" + conversation.id + "')";
    if (format == ChatFormat::kAlpaca) {
      conversation.turns = alpaca_turns();
    } else {
      const bool sharegpt = format == ChatFormat::kShareGpt;
      conversation.turns =
          turns(sharegpt ? "conversations" : "messages", sharegpt ? "from" : "role", sharegpt ? "value" : "content");
    }
    return conversation;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw DataError(place_ + ": " + what); }

  void check_format(ChatFormat format) const {
    const auto seen = looks_like(record_);
    const bool has_messages = format == ChatFormat::kOpenAssistant || format == ChatFormat::kMessages;
    if (seen == format || (has_messages && seen == ChatFormat::kMessages)) return;
    std::string what = "not of format " + chat_format_name(format);
    if (seen) {
      what += "; it looks like " + chat_format_name(*seen) + ": use --format " + chat_format_name(*seen);
    } else if (!record_.is_object()) {
      what += ": an object is needed, this is " + std::string(record_.type_name());
    } else {
      what +=
          ": it has neither 'conversations' (sharegpt), 'instruction' (alpaca) nor 'messages' (messages, "
          "openassistant)";
    }
    fail(what);
  }

  std::string identifier(ChatFormat format, uint64_t number) const {
    const auto id = record_.find("id");
    if (id != record_.end() && id->is_string() && format != ChatFormat::kAlpaca) return id->get<std::string>();
    if (id != record_.end() && id->is_number_integer() && format != ChatFormat::kAlpaca) return id->dump();
    switch (format) {
      case ChatFormat::kShareGpt:
        return "conv_" + std::to_string(number);
      case ChatFormat::kAlpaca:
        return "alpaca_" + std::to_string(number);
      case ChatFormat::kOpenAssistant:
        return "oa_" + std::to_string(number);
      default:
        return "messages_" + std::to_string(number);
    }
  }

  std::string alpaca_field(const char* key, bool required) const {
    const auto value = record_.find(key);
    if (value == record_.end() || value->is_null()) {
      if (required) fail(std::string("has no '") + key + "'");
      return "";
    }
    if (!value->is_string()) fail(std::string("its '") + key + "' is " + value->type_name() + ", not text");
    return value->get<std::string>();
  }

  std::vector<Turn> alpaca_turns() const {
    std::string user = alpaca_field("instruction", true);
    const std::string input = alpaca_field("input", false);
    if (!input.empty()) user += "\n\n" + input;
    return {{Role::kUser, user}, {Role::kAssistant, alpaca_field("output", true)}};
  }

  std::vector<Turn> turns(const char* list_key, const char* role_key, const char* text_key) const {
    const json& list = record_.at(list_key);
    if (!list.is_array()) fail(std::string("its '") + list_key + "' is " + list.type_name() + ", not a list of turns");
    std::vector<Turn> result;
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string turn = "turn " + std::to_string(i);
      if (!list[i].is_object()) fail(turn + " is " + list[i].type_name() + ", not an object");
      const auto role = list[i].find(role_key);
      if (role == list[i].end() || !role->is_string()) fail(turn + " has no '" + role_key + "'");
      result.push_back({this->role(turn, role->get<std::string>()), text(turn, list[i], text_key)});
    }
    return result;
  }

  Role role(const std::string& turn, const std::string& name) const {
    if (name == "user" || name == "human") return Role::kUser;
    if (name == "assistant" || name == "gpt") return Role::kAssistant;
    if (name == "system") return Role::kSystem;
    fail(turn + " has the unknown role '" + name + "'; user, human, assistant, gpt or system is needed");
  }

  /// A string, or the OpenAI form of it: a list of {type: text, text}.
  std::string text(const std::string& turn, const json& object, const char* key) const {
    const auto value = object.find(key);
    if (value == object.end() || value->is_null()) fail(turn + " has no '" + key + "'");
    if (value->is_string()) return value->get<std::string>();
    if (!value->is_array()) fail(turn + ": its '" + key + "' is " + value->type_name() + ", not text");
    std::string joined;
    for (const json& part : *value) {
      const bool is_text = part.is_object() && part.contains("text") && part["text"].is_string();
      if (!is_text) fail(turn + ": its '" + key + "' has a part that is not text");
      joined += part["text"].get<std::string>();
    }
    return joined;
  }

  std::string place_;
  const json& record_;
};

}  // namespace

ChatFormat parse_chat_format(const std::string& name) {
  for (const auto& [format, format_name] : kFormats) {
    if (name == format_name) return format;
  }
  throw DataError("unknown format '" + name + "'; sharegpt, alpaca, openassistant or messages is needed");
}

std::string chat_format_name(ChatFormat format) {
  for (const auto& [known, name] : kFormats) {
    if (known == format) return name;
  }
  return "unknown";
}

Conversations read_conversations(const std::vector<std::filesystem::path>& files, std::optional<ChatFormat> format) {
  Conversations result;
  uint64_t number = 0;
  for (const auto& file : files) {
    for_each_json_record(file, [&](const json& record, const std::string& where) {
      if (!format) format = looks_like(record).value_or(ChatFormat::kShareGpt);
      Conversation conversation = RecordReader(file, where, record).read(*format, number++);
      if (conversation.turns.empty()) {
        ++result.without_turns;
      } else {
        result.list.push_back(std::move(conversation));
      }
    });
  }
  if (result.list.empty()) {
    throw DataError((files.empty() ? "no input file: it" : quoted(files.front())) +
                    std::string(" holds no conversation"));
  }
  result.format = format.value_or(ChatFormat::kShareGpt);
  return result;
}

}  // namespace trm
