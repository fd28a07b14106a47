#pragma once
// What clients ask, checked: JSON of the OpenAI API to jobs.
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "serve/scheduler.h"
#include "serve/server.h"

namespace trm::serve {

struct Question {
  Job job;
  bool chat = false, stream = false, include_usage = false;
};

/// The body as a JSON object. Throws ApiError 400 saying where it is none.
nlohmann::json parse_body(const std::string& body);

/// Throws ApiError: 400 naming the field, what it holds and what it takes; 404 for another model. Fields that are null
/// count as absent, unknown ones are ignored.
Question read_chat(const nlohmann::json& body, const Served& served);
Question read_completion(const nlohmann::json& body, const Served& served);

/// "content" of /tokenize; with "add_special": true markers in it are read as markers.
std::vector<int32_t> read_tokenize(const nlohmann::json& body, const Served& served);
/// "tokens" of /detokenize.
std::vector<int32_t> read_detokenize(const nlohmann::json& body, const Served& served);

}  // namespace trm::serve
