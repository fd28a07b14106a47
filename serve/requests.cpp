#include "serve/requests.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "answering/prompt.h"
#include "serve/api_error.h"

namespace trm::serve {
namespace {

using nlohmann::json;

/// The value as it stands, cut where it is long.
std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

[[noreturn]] void refuse(const std::string& name, const json& value, const std::string& takes) {
  throw ApiError(400, name + " takes " + takes + ", got " + shown(value), name, "invalid_value");
}

/// Null where the field is absent or null.
const json* field(const json& body, const char* name) {
  const auto found = body.find(name);
  return found == body.end() || found->is_null() ? nullptr : &*found;
}

double number(const json& body, const char* name, double otherwise, double least, double most,
              const std::string& takes) {
  const json* value = field(body, name);
  if (!value) return otherwise;
  if (!value->is_number()) refuse(name, *value, takes);
  const double x = value->get<double>();
  if (!std::isfinite(x) || x < least || x > most) refuse(name, *value, takes);
  return x;
}

int64_t integer(const json& body, const char* name, int64_t otherwise, int64_t least, int64_t most,
                const std::string& takes) {
  const double x =
      number(body, name, static_cast<double>(otherwise), static_cast<double>(least), static_cast<double>(most), takes);
  if (x != std::floor(x)) refuse(name, body.at(name), takes);
  return static_cast<int64_t>(x);
}

bool boolean(const json& body, const char* name, bool otherwise) {
  const json* value = field(body, name);
  if (!value) return otherwise;
  if (!value->is_boolean()) refuse(name, *value, "true or false");
  return value->get<bool>();
}

void require_model(const json& body, const Served& served) {
  const json* model = field(body, "model");
  if (!model) return;
  if (!model->is_string()) refuse("model", *model, "a text");
  if (*model != served.name)
    throw ApiError(404, "there is no model " + shown(*model) + " here; this server has \"" + served.name + "\"",
                   "model", "model_not_found");
}

void refuse_what_is_not_supported(const json& body) {
  for (const char* name : {"tools", "functions", "tool_choice", "function_call", "suffix", "audio", "prediction"}) {
    const json* value = field(body, name);
    if (!value || value->empty() || *value == "none" || *value == "") continue;
    throw ApiError(400, std::string(name) + " is not supported by this server", name, "unsupported_parameter");
  }
  for (const char* name : {"n", "best_of"}) {
    const json* value = field(body, name);
    if (value && *value != 1) refuse(name, *value, "1: this server gives one answer a request");
  }
  if (boolean(body, "echo", false)) throw ApiError(400, "echo is not supported by this server", "echo");
  if (const json* format = field(body, "response_format")) {
    const json* type = format->is_object() ? field(*format, "type") : nullptr;
    if (!type || *type != "text")
      refuse("response_format", *format, "{\"type\": \"text\"}: answers cannot be held to a form here");
  }
}

std::vector<std::string> stops(const json& body, const std::vector<std::string>& otherwise) {
  const json* value = field(body, "stop");
  if (!value) return otherwise;
  const char* takes = "a text that is not empty, or a list of up to 16 of them";
  std::vector<std::string> found;
  for (const json& stop : value->is_array() ? *value : json::array({*value})) {
    if (!stop.is_string() || stop.get_ref<const std::string&>().empty()) refuse("stop", *value, takes);
    found.push_back(stop.get<std::string>());
  }
  if (found.size() > 16) refuse("stop", *value, takes);
  return found;
}

std::map<int32_t, double> logit_bias(const json& body, int vocabulary) {
  std::map<int32_t, double> bias;
  const json* value = field(body, "logit_bias");
  if (!value) return bias;
  const std::string takes =
      "an object of token ids below " + std::to_string(vocabulary) + " and numbers from -100 to 100";
  if (!value->is_object()) refuse("logit_bias", *value, takes);
  for (const auto& [key, number] : value->items()) {
    int32_t token = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token);
    const bool known = error == std::errc{} && end == key.data() + key.size() && token >= 0 && token < vocabulary;
    if (!known || !number.is_number() || !(std::abs(number.get<double>()) <= 100)) refuse("logit_bias", *value, takes);
    bias[token] = number.get<double>();
  }
  return bias;
}

uint64_t seed(const json& body, const Served& served) {
  const json* value = field(body, "seed");
  if (value && !value->is_number_integer()) refuse("seed", *value, "an integer");
  if (value) return value->is_number_unsigned() ? value->get<uint64_t>() : static_cast<uint64_t>(value->get<int64_t>());
  return served.fixed_seed ? served.defaults.seed : std::random_device{}();
}

AnswerOptions answer_options(const json& body, const Served& served) {
  AnswerOptions o = served.defaults;
  SamplingOptions& s = o.sampling;
  constexpr int64_t most = INT32_MAX;
  s.temperature = number(body, "temperature", s.temperature, 0, 1e6, "a number of at least 0");
  s.top_p = number(body, "top_p", s.top_p, 0, 1, "a number from 0 to 1");
  s.min_p = number(body, "min_p", s.min_p, 0, 1, "a number from 0 to 1");
  s.top_k = std::max<int64_t>(0, integer(body, "top_k", s.top_k, -1, most, "an integer of at least 0 (0: all tokens)"));
  s.repeat_penalty = number(body, "repeat_penalty", s.repeat_penalty, 1e-6, 1e6, "a number above 0");
  o.seed = seed(body, served);
  const char* length = "an integer of at least 1";
  o.max_new_tokens = integer(body, "max_tokens", o.max_new_tokens, 1, most, length);
  o.max_new_tokens = integer(body, "max_completion_tokens", o.max_new_tokens, 1, most, length);
  o.stops = stops(body, o.stops);
  o.changes.presence_penalty = number(body, "presence_penalty", 0, -2, 2, "a number from -2 to 2");
  o.changes.frequency_penalty = number(body, "frequency_penalty", 0, -2, 2, "a number from -2 to 2");
  o.changes.bias = logit_bias(body, served.model.config().vocab_size);
  return o;
}

Question read_common(const json& body, const Served& served) {
  require_model(body, served);
  refuse_what_is_not_supported(body);
  Question question;
  question.stream = boolean(body, "stream", false);
  if (const json* options = field(body, "stream_options")) {
    if (!options->is_object()) refuse("stream_options", *options, "an object");
    if (!question.stream) throw ApiError(400, "stream_options needs \"stream\": true", "stream_options");
    question.include_usage = boolean(*options, "include_usage", false);
  }
  question.job.options = answer_options(body, served);
  return question;
}

std::string content(const json& message, const std::string& where) {
  const json* value = field(message, "content");
  if (!value) return "";
  if (value->is_string()) return value->get<std::string>();
  const char* takes = "a text, or a list of {\"type\": \"text\", \"text\": …}";
  if (!value->is_array()) refuse(where + ".content", *value, takes);
  std::string text;
  for (const json& part : *value) {
    if (!part.is_object() || part.value("type", json()) != "text" || !part.value("text", json()).is_string())
      refuse(where + ".content", part, takes);
    text += part.at("text").get<std::string>();
  }
  return text;
}

Message read_message(const json& message, const std::string& where) {
  if (!message.is_object()) refuse(where, message, "an object with role and content");
  const json* role = field(message, "role");
  const std::string text = content(message, where);
  if (role && *role == "user") return {Speaker::user, text};
  if (role && *role == "assistant") return {Speaker::assistant, text};
  if (role && (*role == "system" || *role == "developer")) return {Speaker::system, text};
  refuse(where + ".role", role ? *role : json(), "system, user or assistant");
}

std::vector<int32_t> token_ids(const json& list, const char* name, int vocabulary) {
  std::vector<int32_t> ids;
  for (const json& id : list) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= vocabulary)
      refuse(name, id, "token ids from 0 to " + std::to_string(vocabulary - 1));
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

}  // namespace

json parse_body(const std::string& body) {
  json parsed;
  try {
    parsed = json::parse(body);
  } catch (const json::exception& error) {
    throw ApiError(400, std::string("the body is not JSON: ") + error.what(), "", "invalid_json");
  }
  if (!parsed.is_object()) throw ApiError(400, "the body must be a JSON object, got " + shown(parsed));
  return parsed;
}

Question read_chat(const json& body, const Served& served) {
  Question question = read_common(body, served);
  question.chat = true;
  if (!has_turn_markers(served.tokenizer))
    throw ApiError(400,
                   "this model was not made for conversations: its tokenizer has no markers of turns; use "
                   "/v1/completions");
  const json* messages = field(body, "messages");
  if (!messages || !messages->is_array() || messages->empty())
    refuse("messages", messages ? *messages : json(), "a list of at least one message");
  std::vector<Message> turns;
  for (size_t i = 0; i < messages->size(); ++i)
    turns.push_back(read_message((*messages)[i], "messages[" + std::to_string(i) + "]"));
  for (const Message& turn : turns)
    if (turn.speaker == Speaker::system && !has_system_markers(served.tokenizer))
      throw ApiError(400, "this model knows no system turns: its tokenizer has no markers for them", "messages");
  question.job.prompt = prompt_of(served.tokenizer, turns, MarkersInText::text);
  const bool told = boolean(body, "logprobs", false);
  const int64_t top = integer(body, "top_logprobs", 0, 0, 20, "an integer from 0 to 20");
  if (top > 0 && !told) throw ApiError(400, "top_logprobs needs \"logprobs\": true", "top_logprobs");
  if (told) question.job.options.top_logprobs = top;
  return question;
}

Question read_completion(const json& body, const Served& served) {
  Question question = read_common(body, served);
  const json* prompt = field(body, "prompt");
  const char* takes = "one text, or a list of token ids";
  if (!prompt) refuse("prompt", json(), takes);
  const json& one = prompt->is_array() && prompt->size() == 1 && !(*prompt)[0].is_number() ? (*prompt)[0] : *prompt;
  if (one.is_string())
    question.job.prompt = encode_text(served.tokenizer, one.get_ref<const std::string&>());
  else if (one.is_array() && !one.empty() && one[0].is_number())
    question.job.prompt = token_ids(one, "prompt", served.model.config().vocab_size);
  else
    refuse("prompt", *prompt, takes);
  question.job.options.top_logprobs = integer(body, "logprobs", -1, 0, 20, "an integer from 0 to 20");
  return question;
}

std::vector<int32_t> read_tokenize(const json& body, const Served& served) {
  const json* text = field(body, "content");
  if (!text || !text->is_string()) refuse("content", text ? *text : json(), "a text");
  const auto& value = text->get_ref<const std::string&>();
  return boolean(body, "add_special", false) ? served.tokenizer.encode(value) : encode_text(served.tokenizer, value);
}

std::vector<int32_t> read_detokenize(const json& body, const Served& served) {
  const json* tokens = field(body, "tokens");
  if (!tokens || !tokens->is_array()) refuse("tokens", tokens ? *tokens : json(), "a list of token ids");
  return token_ids(*tokens, "tokens", served.tokenizer.vocab_size());
}

}  // namespace trm::serve
