#pragma once
// What clients are answered: JSON of the OpenAI API.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "serve/api_error.h"
#include "serve/requests.h"

namespace trm::serve {

/// {"error": {message, type, param, code}}
std::string error_body(const ApiError& error);
/// One line, invalid UTF-8 replaced.
std::string line_of(const nlohmann::json& value);

/// Makes the bodies of one answer, whole or as server-sent events.
class Answering {
 public:
  Answering(const Question& question, const Served& served);

  /// Of the whole answer.
  std::string body(const std::vector<Piece>& pieces, const Ticket& ticket) const;

  /// "data: {…}\n\n" each; a stream is opening, pieces, closing.
  std::string opening() const;
  std::string event(const Piece& piece);
  std::string closing(const Ticket& ticket) const;
  static std::string failure(const std::string& why);

 private:
  nlohmann::json head(const char* object) const;
  nlohmann::json logprobs(const std::vector<TokenLogprob>& tokens, size_t text_offset) const;
  std::string chunk(const nlohmann::json& delta, const nlohmann::json& logprobs, const nlohmann::json& reason) const;

  const Served& served_;
  std::string id_;
  int64_t created_;
  bool chat_, include_usage_, tells_logprobs_;
  size_t written_ = 0;  // bytes of text
};

}  // namespace trm::serve
