#include "tokenizer/tokenizer_json.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "text/error.h"
#include "text/json.h"
#include "text/printable.h"
#include "tokenizer/state.h"

namespace trm {
namespace {

using Json = nlohmann::ordered_json;
using nlohmann::json;

json parse(std::string_view text, const std::string& name) {
  try {
    return parse_json(text);
  } catch (const TextError& error) {
    throw TokenizerError(name + ": " + error.what());
  }
}

int32_t to_id(const json& value, const std::string& token) {
  if (!value.is_number_integer() || value.get<int64_t>() < 0 ||
      value.get<int64_t>() > std::numeric_limits<int32_t>::max())
    throw TokenizerError("the id of token \"" + printable(token) + "\" must be a whole number from 0, not " +
                         printable_json(value));
  return value.get<int32_t>();
}

Bpe::Vocabulary to_vocabulary(const json& object) {
  if (!object.is_object())
    throw TokenizerError("the vocabulary must be an object of token to id, not " + std::string(object.type_name()));
  Bpe::Vocabulary vocabulary;
  vocabulary.reserve(object.size());
  for (const auto& [token, id] : object.items()) vocabulary.emplace(token, to_id(id, token));
  return vocabulary;
}

Bpe::Merges to_merges(const json& model) {
  const auto list = model.find("merges");
  if (list == model.end() || !list->is_array()) throw TokenizerError("model: \"merges\" must be a list");
  Bpe::Merges merges;
  merges.reserve(list->size());
  for (const auto& merge : *list) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
      merges.emplace_back(merge[0], merge[1]);
    else if (!merge.is_string() || !parse_merge(merge.get_ref<const std::string&>(), merges))
      throw TokenizerError("model: merge " + std::to_string(merges.size() + 1) + " is " + printable_json(merge) +
                           ", neither \"left right\" nor [\"left\", \"right\"]");
  }
  return merges;
}

bool is_unset(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() || *found == false || *found == "" ||
         (found->is_number() && *found == 0);
}

bool flag(const json& object, const char* key, bool otherwise) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return otherwise;
  if (!found->is_boolean())
    throw TokenizerError("\"" + std::string(key) + "\" must be true or false, not " + printable_json(*found));
  return *found;
}

std::string type_of(const json& part) {
  return part.is_object() && part.contains("type") && part["type"].is_string()
             ? printable(part["type"].get<std::string>())
             : printable_json(part);
}

std::shared_ptr<const Bpe> to_model(const json& root) {
  const auto found = root.find("model");
  if (found == root.end() || !found->is_object())
    throw TokenizerError("there is no object \"model\", so this is not a tokenizer.json");
  const json& model = *found;
  const std::string type = model.contains("type")     ? type_of(model)
                           : model.contains("merges") ? "BPE"
                                                      : "without a type";
  if (type != "BPE") throw TokenizerError("model " + type + " is not supported, only byte-level BPE");
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"})
    if (!is_unset(model, key))
      throw TokenizerError("model: " + std::string(key) + " " + printable_json(model[key]) + " is not supported");
  if (!model.contains("vocab")) throw TokenizerError("model: there is no \"vocab\"");
  BpeOptions options;
  if (!is_unset(model, "unk_token")) {
    if (!model["unk_token"].is_string())
      throw TokenizerError("model: unk_token must be a string, not " + printable_json(model["unk_token"]));
    options.unk_token = model["unk_token"];
  }
  options.fuse_unk = flag(model, "fuse_unk", false);
  options.ignore_merges = flag(model, "ignore_merges", false);
  return std::make_shared<const Bpe>(to_vocabulary(model["vocab"]), to_merges(model), options);
}

AddedTokens to_added_tokens(const json& root) {
  std::vector<AddedToken> tokens;
  const auto found = root.find("added_tokens");
  if (found == root.end() || found->is_null()) return AddedTokens();
  if (!found->is_array()) throw TokenizerError("\"added_tokens\" must be a list");
  for (const auto& entry : *found) {
    if (!entry.is_object() || !entry.contains("content") || !entry["content"].is_string() || !entry.contains("id"))
      throw TokenizerError("an added token needs \"id\" and \"content\", which " + printable_json(entry) + " lacks");
    const bool special = flag(entry, "special", false);
    const std::string content = entry["content"];
    tokens.push_back({to_id(entry["id"], content), content, flag(entry, "single_word", false),
                      flag(entry, "lstrip", false), flag(entry, "rstrip", false), flag(entry, "normalized", !special),
                      special});
  }
  return AddedTokens(tokens);
}

/// Parts that change no text.
bool does_nothing(const json& part) {
  const std::string type = type_of(part);
  const auto off = [&](std::initializer_list<const char*> keys) {
    return std::ranges::all_of(keys, [&](const char* key) { return part.contains(key) && is_unset(part, key); });
  };
  return type == "Fuse" || (type == "Strip" && (off({"strip_left", "strip_right"}) || off({"start", "stop"}))) ||
         (type == "Prepend" && off({"prepend"}));
}

void check_decoder(const json& root) {
  for (const json& decoder : parts_of(root.value("decoder", json()), "decoders"))
    if (type_of(decoder) != "ByteLevel" && !does_nothing(decoder))
      throw TokenizerError("decoder " + type_of(decoder) + " is not supported, only ByteLevel");
}

void check_normalizer(const json& root) {
  if (is_unset(root, "normalizer")) return;
  for (const json& normalizer : parts_of(root["normalizer"], "normalizers"))
    if (!does_nothing(normalizer)) throw TokenizerError("normalizer " + type_of(normalizer) + " is not supported");
}

Json to_json(const Bpe& model) {
  std::vector<const Bpe::Vocabulary::value_type*> by_id;
  for (const auto& entry : model.vocabulary()) by_id.push_back(&entry);
  std::sort(by_id.begin(), by_id.end(), [](auto* a, auto* b) { return a->second < b->second; });
  Json vocab = Json::object();
  auto& entries = vocab.get_ref<Json::object_t&>();
  entries.reserve(by_id.size());
  for (const auto* entry : by_id)
    entries.push_back({entry->first, entry->second});  // no search for the key, as [] would
  bool spaces = false;
  for (const auto& [left, right] : model.merges()) spaces = spaces || (left + right).find(' ') != std::string::npos;
  Json merges = Json::array();
  for (const auto& [left, right] : model.merges())  // as strings where that is unambiguous: older readers know no pairs
    merges.push_back(spaces ? Json{left, right} : Json(left + " " + right));
  const auto& options = model.options();
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", options.unk_token ? Json(*options.unk_token) : Json()},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", options.fuse_unk},
          {"byte_fallback", false},
          {"ignore_merges", options.ignore_merges},
          {"vocab", std::move(vocab)},
          {"merges", std::move(merges)}};
}

}  // namespace

std::vector<json> parts_of(const json& part, const char* list) {
  if (part.is_null()) return {};
  if (!part.is_object() || part.value("type", json()) != "Sequence") return {part};
  const auto items = part.find(list);
  if (items == part.end() || !items->is_array())
    throw TokenizerError("a Sequence has no list \"" + std::string(list) + "\"");
  std::vector<json> parts;
  for (const json& item : *items)
    for (json& one : parts_of(item, list)) parts.push_back(std::move(one));
  return parts;
}

bool parse_merge(std::string_view line, Bpe::Merges& merges) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string_view::npos)
    return false;
  merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  return true;
}

Bpe::Vocabulary parse_vocabulary(const std::string& text, const std::string& name) {
  const auto object = parse(text, name);
  try {
    return to_vocabulary(object);
  } catch (const TokenizerError& error) {
    throw TokenizerError(name + ": " + error.what());
  }
}

Tokenizer Tokenizer::from_json(std::string_view text, const std::string& name) {
  const auto root = parse(text, name);
  try {
    if (!root.is_object()) throw TokenizerError("this is not a tokenizer.json, but " + std::string(root.type_name()));
    auto model = to_model(root);
    check_normalizer(root);
    check_decoder(root);
    PreTokenizer pre_tokenizer(root.value("pre_tokenizer", json()));
    return Tokenizer(std::make_shared<State>(std::move(model), std::move(pre_tokenizer), to_added_tokens(root),
                                             root.value("post_processor", json()).dump()));
  } catch (const TokenizerError& error) {
    throw TokenizerError(name + ": " + error.what());
  } catch (const json::exception& error) {
    throw TokenizerError(name + ": " + error.what());
  }
}

std::string Tokenizer::to_json() const {
  Json added = Json::array();
  for (const auto& [id, token] : state_->added.tokens())
    added.push_back({{"id", id},
                     {"content", token.content},
                     {"single_word", token.single_word},
                     {"lstrip", token.lstrip},
                     {"rstrip", token.rstrip},
                     {"normalized", token.normalized},
                     {"special", token.special}});
  const Json root = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", std::move(added)},
      {"normalizer", nullptr},
      {"pre_tokenizer", Json::parse(state_->pre_tokenizer.description())},
      {"post_processor", Json::parse(state_->post_processor)},
      {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
      {"model", trm::to_json(*state_->model)}};
  return root.dump(1);
}

}  // namespace trm
