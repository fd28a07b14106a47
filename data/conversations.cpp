#include "data/conversations.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/files.h"
#include "data/json_records.h"
#include "text/json.h"
#include "text/printable.h"

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

/// The keys that stand for each other in a turn.
constexpr std::array<const char*, 2> kRoleKeys = {"from", "role"}, kTextKeys = {"value", "content"};

/// One record of a file, with errors that say where it stands.
class RecordReader {
 public:
  RecordReader(const std::filesystem::path& file, const std::string& where, const json& record, Conversations& all)
      : place_(quoted(file) + ", " + where), record_(record), all_(all) {}

  Conversation read(ChatFormat format, uint64_t number) {
    check_format(format);
    Conversation conversation;
    conversation.id = identifier(format, number);
    place_ += " (conversation '" + printable(conversation.id) + "')";
    if (format == ChatFormat::kAlpaca) {
      conversation.turns = alpaca_turns();
      note_unread(record_, "", {"id", "instruction", "input", "output", "system", "history"});
    } else {
      const char* list = format == ChatFormat::kShareGpt ? "conversations" : "messages";
      conversation.turns = turns(list);
      note_unread(record_, "", {"id", "system", list});
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
      what = "a record is an object, this is " + std::string(record_.type_name());
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

  /// Counts the keys of `object` that are not `read` and hold something.
  void note_unread(const json& object, const std::string& prefix, std::initializer_list<std::string_view> read) {
    for (const auto& [key, value] : object.items()) {
      const bool empty = value.is_null() || value == "" || ((value.is_array() || value.is_object()) && value.empty());
      if (!empty && std::ranges::find(read, key) == read.end()) ++all_.unread[prefix + printable(key, 60)];
    }
  }

  std::string text_field(const char* key, bool required) const {
    const auto value = record_.find(key);
    if (value == record_.end() || value->is_null()) {
      if (required) fail(std::string("has no '") + key + "'");
      return "";
    }
    if (!value->is_string()) fail(std::string("its '") + key + "' is " + value->type_name() + ", not text");
    return value->get<std::string>();
  }

  std::vector<Turn> alpaca_turns() const {
    std::vector<Turn> result;
    if (const std::string system = text_field("system", false); !system.empty())
      result.push_back({Role::kSystem, system});
    const json history = record_.value("history", json());
    if (!history.is_null() && !history.is_array())
      fail(std::string("its 'history' is ") + history.type_name() + ", not a list of [question, answer]");
    for (const json& pair : history) {
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string())
        fail("its 'history' has " + printable_json(pair) + ", not [question, answer]");
      result.push_back({Role::kUser, pair[0].get<std::string>()});
      result.push_back({Role::kAssistant, pair[1].get<std::string>()});
    }
    std::string user = text_field("instruction", true);
    const std::string input = text_field("input", false);
    if (!input.empty()) user += "\n\n" + input;
    result.push_back({Role::kUser, user});
    result.push_back({Role::kAssistant, text_field("output", true)});
    return result;
  }

  std::vector<Turn> turns(const char* list_key) {
    const json& list = record_.at(list_key);
    if (!list.is_array()) fail(std::string("its '") + list_key + "' is " + list.type_name() + ", not a list of turns");
    std::vector<Turn> result;
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string turn = "turn " + std::to_string(i);
      if (!list[i].is_object()) fail(turn + " is " + list[i].type_name() + ", not an object");
      const char* role_key = key_of(list[i], list_key, kRoleKeys);
      const auto role = list[i].find(role_key);
      if (role == list[i].end() || !role->is_string()) fail(turn + " has no '" + role_key + "'");
      const char* text_key = key_of(list[i], list_key, kTextKeys);
      Turn read{this->role(turn, role->get<std::string>()), text(turn, list[i], text_key)};
      if (read.role == Role::kAssistant) {
        read.learned = weight(turn, list[i]);
        note_unread(list[i], std::string(list_key) + "[].", {role_key, text_key, "weight"});
      } else {
        note_unread(list[i], std::string(list_key) + "[].", {role_key, text_key});
      }
      result.push_back(std::move(read));
    }
    const std::string system = text_field("system", false);
    if (!system.empty() && (result.empty() || result.front().role != Role::kSystem))
      result.insert(result.begin(), {Role::kSystem, system});
    else if (!system.empty() && result.front().text != system)
      ++all_.unread["system"];
    return result;
  }

  /// The usual key of such a list, or the other one where a turn has that instead.
  static const char* key_of(const json& turn, std::string_view list_key, const std::array<const char*, 2>& keys) {
    const size_t usual = list_key == "conversations" ? 0 : 1;
    return !turn.contains(keys[usual]) && turn.contains(keys[1 - usual]) ? keys[1 - usual] : keys[usual];
  }

  bool weight(const std::string& turn, const json& object) const {
    const json weight = object.value("weight", json());
    if (weight.is_null()) return true;
    if (weight.is_boolean()) return weight.get<bool>();
    if (!weight.is_number() || (weight != 0 && weight != 1))
      fail(turn + ": its 'weight' is " + printable_json(weight) + "; 0 (not learned) or 1 is needed");
    return weight == 1;
  }

  Role role(const std::string& turn, const std::string& name) const {
    if (name == "user" || name == "human") return Role::kUser;
    if (name == "assistant" || name == "gpt") return Role::kAssistant;
    if (name == "system") return Role::kSystem;
    fail(turn + " has the unknown role '" + printable(name) + "'; user, human, assistant, gpt or system is needed");
  }

  /// A string, or the OpenAI form of it: a list of {type: text, text}.
  std::string text(const std::string& turn, const json& object, const char* key) const {
    const auto value = object.find(key);
    if (value == object.end() || value->is_null()) {
      for (const char* call : {"tool_calls", "function_call"})
        if (object.contains(call)) fail(turn + " has no '" + key + "' but '" + call + "', which is not supported");
      fail(turn + " has no '" + key + "'");
    }
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
  Conversations& all_;
};

}  // namespace

ChatFormat parse_chat_format(const std::string& name) {
  for (const auto& [format, format_name] : kFormats) {
    if (name == format_name) return format;
  }
  throw DataError("unknown format '" + printable(name) + "'; sharegpt, alpaca, openassistant or messages is needed");
}

std::string chat_format_name(ChatFormat format) {
  for (const auto& [known, name] : kFormats) {
    if (known == format) return name;
  }
  return "unknown";
}

Conversations read_conversations(const std::vector<std::filesystem::path>& files, std::optional<ChatFormat> format,
                                 bool skip_bad) {
  Conversations result;
  uint64_t number = 0;
  OnBadRecord on_bad;
  if (skip_bad)
    on_bad = [&](const DataError& error) {
      if (result.bad_records++ == 0) result.first_bad = error.what();
    };
  for (const auto& file : files) {
    const auto visit = [&](const json& record, const std::string& where) {
      if (!format) format = looks_like(record);
      Conversation conversation =
          RecordReader(file, where, record, result).read(format.value_or(ChatFormat::kShareGpt), number++);
      if (conversation.turns.empty()) {
        ++result.without_turns;
      } else {
        result.list.push_back(std::move(conversation));
      }
    };
    for_each_json_record(file, visit, on_bad);
  }
  if (result.list.empty()) {
    if (result.bad_records > 0)
      throw DataError("none of " + std::to_string(result.bad_records) +
                      " records can be read; the first: " + result.first_bad);
    throw DataError((files.empty() ? "no input file: it" : quoted(files.front())) +
                    std::string(" holds no conversation"));
  }
  result.format = format.value_or(ChatFormat::kShareGpt);
  return result;
}

}  // namespace trm
