#include "tokenizer/pre_tokenizer.h"

#include <nlohmann/json.hpp>

#include "text/json.h"
#include "text/printable.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_json.h"

namespace trm {
namespace {

using Json = nlohmann::json;

constexpr const char* kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

std::string type_of(const Json& step) {
  if (!step.is_object() || !step.contains("type") || !step["type"].is_string())
    throw TokenizerError("pre_tokenizer " + printable_json(step) +
                         " is not supported, only ByteLevel, alone or after Split and Digits");
  return printable(step["type"].get<std::string>());
}

bool flag(const Json& step, const char* name, bool otherwise) {
  if (!step.contains(name)) return otherwise;
  if (!step[name].is_boolean())
    throw TokenizerError("pre_tokenizer: " + std::string(name) + " must be true or false, not " +
                         printable_json(step[name]));
  return step[name];
}

}  // namespace

PreTokenizer::PreTokenizer(const Json& description) : description_(description.dump()) {
  const std::vector<Json> steps = parts_of(description, "pretokenizers");
  if (steps.empty())
    throw TokenizerError("pre_tokenizer " + printable_json(description) +
                         " is not supported, only ByteLevel, alone or after Split and Digits");
  for (size_t i = 0; i + 1 < steps.size(); ++i) add_step(steps[i]);
  set_byte_level(steps.back());
}

PreTokenizer PreTokenizer::gpt2() {
  return PreTokenizer(
      Json{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}});
}

PreTokenizer PreTokenizer::characters() {
  const Json each = {
      {"type", "Split"}, {"pattern", {{"Regex", R"([\s\S])"}}}, {"behavior", "Isolated"}, {"invert", false}};
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  return PreTokenizer(Json{{"type", "Sequence"}, {"pretokenizers", Json::array({each, bytes})}});
}

void PreTokenizer::add_step(const Json& step) {
  const std::string type = type_of(step);
  if (type == "Digits") {
    steps_.push_back({Regex(flag(step, "individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)"), true, true});
    return;
  }
  if (type == "ByteLevel") throw TokenizerError("pre_tokenizer Sequence: ByteLevel is supported as its last step only");
  if (type != "Split")
    throw TokenizerError("pre_tokenizer " + type +
                         " is not supported, only ByteLevel, alone or after Split and Digits");
  const auto pattern = step.find("pattern");
  const bool regex =
      pattern != step.end() && pattern->is_object() && pattern->contains("Regex") && (*pattern)["Regex"].is_string();
  const bool literal =
      pattern != step.end() && pattern->is_object() && pattern->contains("String") && (*pattern)["String"].is_string();
  if (!regex && !literal) throw TokenizerError("pre_tokenizer Split has no pattern {\"Regex\": …} or {\"String\": …}");
  const std::string behavior = step.value("behavior", Json()).is_string() ? step["behavior"] : "";
  if (behavior != "Isolated" && behavior != "Removed")
    throw TokenizerError("pre_tokenizer Split: behavior \"" + printable(behavior) +
                         "\" is not supported, only Isolated and Removed");
  const bool invert = flag(step, "invert", false), isolated = behavior == "Isolated";
  steps_.push_back({regex ? Regex(from_oniguruma((*pattern)["Regex"])) : Regex((*pattern)["String"], true),
                    isolated || invert, isolated || !invert});
}

void PreTokenizer::set_byte_level(const Json& step) {
  const std::string type = type_of(step);
  if (type != "ByteLevel")
    throw TokenizerError("pre_tokenizer " + type +
                         " is not supported, only ByteLevel, alone or after Split and Digits");
  add_prefix_space_ = flag(step, "add_prefix_space", true);
  prefix_step_ = steps_.size();
  if (flag(step, "use_regex", true)) steps_.push_back({Regex(from_oniguruma(kGpt2Pattern)), true, true});
}

void PreTokenizer::split(std::string_view text, const OnWord& on_word) const { split(0, text, on_word); }

void PreTokenizer::split(size_t step, std::string_view text, const OnWord& on_word) const {
  std::string prefixed;
  if (step == prefix_step_ && add_prefix_space_ && !text.starts_with(' ')) {
    prefixed.append(" ").append(text);
    text = prefixed;
  }
  if (step == steps_.size()) return on_word(text);
  const auto& [regex, keep_matches, keep_gaps] = steps_[step];
  size_t done = 0;
  const auto gap = [&](size_t end) {
    if (end > done && keep_gaps) split(step + 1, text.substr(done, end - done), on_word);
  };
  regex.each_match(text, [&](size_t begin, size_t end) {
    gap(begin);
    if (keep_matches && end > begin) split(step + 1, text.substr(begin, end - begin), on_word);
    done = end;
  });
  gap(text.size());
}

}  // namespace trm
