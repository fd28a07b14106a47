#include "serve/responses.h"

#include <ctime>
#include <nlohmann/json.hpp>
#include <random>

namespace trm::serve {
namespace {

using nlohmann::json;

std::string random_id(const char* prefix) {
  std::random_device random;
  std::string id = prefix;
  for (int i = 0; i < 24; ++i) id += "0123456789abcdef"[random() % 16];
  return id;
}

const char* reason_of(AnswerEnd end) {
  return end == AnswerEnd::length || end == AnswerEnd::window ? "length" : "stop";
}

const char* type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

json usage(const Ticket& ticket) {
  return {{"prompt_tokens", ticket.prompt_tokens()},
          {"completion_tokens", ticket.generated_tokens()},
          {"total_tokens", ticket.prompt_tokens() + ticket.generated_tokens()}};
}

std::string data(const json& value) { return "data: " + line_of(value) + "\n\n"; }

}  // namespace

std::string line_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string error_body(const ApiError& error) {
  const auto or_null = [](const std::string& text) { return text.empty() ? json() : json(text); };
  return line_of({{"error",
                   {{"message", error.what()},
                    {"type", type_of(error.status)},
                    {"param", or_null(error.param)},
                    {"code", or_null(error.code)}}}});
}

Answering::Answering(const Question& question, const Served& served)
    : served_(served),
      id_(random_id(question.chat ? "chatcmpl-" : "cmpl-")),
      created_(std::time(nullptr)),
      chat_(question.chat),
      include_usage_(question.include_usage),
      tells_logprobs_(question.job.options.top_logprobs >= 0) {}

json Answering::head(const char* object) const {
  return {{"id", id_}, {"object", object}, {"created", created_}, {"model", served_.name}};
}

json Answering::logprobs(const std::vector<TokenLogprob>& tokens, size_t text_offset) const {
  if (!tells_logprobs_) return nullptr;
  const auto named = [&](int32_t token, double logprob) -> json {
    const std::string_view bytes = served_.tokenizer.bytes(token);
    return {{"token", std::string(bytes)},
            {"logprob", logprob},
            {"bytes", std::vector<int>(reinterpret_cast<const unsigned char*>(bytes.data()),
                                       reinterpret_cast<const unsigned char*>(bytes.data()) + bytes.size())}};
  };
  if (chat_) {
    json content = json::array();
    for (const TokenLogprob& told : tokens) {
      json entry = named(told.token, told.logprob);
      entry["top_logprobs"] = json::array();
      for (const auto& [token, logprob] : told.top) entry["top_logprobs"].push_back(named(token, logprob));
      content.push_back(std::move(entry));
    }
    return {{"content", std::move(content)}, {"refusal", nullptr}};
  }
  json out = {{"tokens", json::array()},
              {"token_logprobs", json::array()},
              {"top_logprobs", json::array()},
              {"text_offset", json::array()}};
  for (const TokenLogprob& told : tokens) {
    const std::string_view bytes = served_.tokenizer.bytes(told.token);
    json top = json::object();
    for (const auto& [token, logprob] : told.top) top[std::string(served_.tokenizer.bytes(token))] = logprob;
    out["tokens"].push_back(std::string(bytes));
    out["token_logprobs"].push_back(told.logprob);
    out["top_logprobs"].push_back(std::move(top));
    out["text_offset"].push_back(text_offset);
    text_offset += bytes.size();
  }
  return out;
}

std::string Answering::body(const std::vector<Piece>& pieces, const Ticket& ticket) const {
  std::string text;
  std::vector<TokenLogprob> tokens;
  for (const Piece& piece : pieces) {
    text += piece.text;
    tokens.insert(tokens.end(), piece.logprobs.begin(), piece.logprobs.end());
  }
  json choice = {{"index", 0}, {"logprobs", logprobs(tokens, 0)}, {"finish_reason", reason_of(ticket.end())}};
  if (chat_)
    choice["message"] = {{"role", "assistant"}, {"content", text}, {"refusal", nullptr}};
  else
    choice["text"] = text;
  json whole = head(chat_ ? "chat.completion" : "text_completion");
  whole["choices"] = json::array({std::move(choice)});
  whole["usage"] = usage(ticket);
  return line_of(whole);
}

std::string Answering::chunk(const json& delta, const json& logprobs, const json& reason) const {
  json choice = {{"index", 0}, {"logprobs", logprobs}, {"finish_reason", reason}};
  choice[chat_ ? "delta" : "text"] = delta;
  json event = head(chat_ ? "chat.completion.chunk" : "text_completion");
  event["choices"] = json::array({std::move(choice)});
  if (include_usage_) event["usage"] = nullptr;
  return data(event);
}

std::string Answering::opening() const {
  return chat_ ? chunk(json::object({{"role", "assistant"}, {"content", ""}}), nullptr, nullptr) : "";
}

std::string Answering::event(const Piece& piece) {
  const json told = piece.logprobs.empty() ? json() : logprobs(piece.logprobs, written_);
  written_ += piece.text.size();
  return chunk(chat_ ? json::object({{"content", piece.text}}) : json(piece.text), told, nullptr);
}

std::string Answering::closing(const Ticket& ticket) const {
  std::string events = chunk(chat_ ? json::object() : json(""), nullptr, reason_of(ticket.end()));
  if (include_usage_) {
    json last = head(chat_ ? "chat.completion.chunk" : "text_completion");
    last["choices"] = json::array();
    last["usage"] = usage(ticket);
    events += data(last);
  }
  return events + "data: [DONE]\n\n";
}

std::string Answering::failure(const std::string& why) {
  return "data: " + error_body(ApiError(500, why, "", "failed")) + "\n\n";
}

}  // namespace trm::serve
