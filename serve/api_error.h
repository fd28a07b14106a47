#pragma once
#include <stdexcept>
#include <string>

namespace trm::serve {

/// What a client is answered instead: {"error": {message, type, param, code}} with this status.
struct ApiError : std::runtime_error {
  ApiError(int http_status, const std::string& message, std::string error_param = "", std::string error_code = "")
      : std::runtime_error(message), status(http_status), param(std::move(error_param)), code(std::move(error_code)) {}
  int status;
  std::string param, code;  // "" stands for null
};

}  // namespace trm::serve
