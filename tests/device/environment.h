#pragma once
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

namespace trm::testing {

/// Sets (or, with nothing, unsets) an environment variable while it lives.
class WithEnvironment {
 public:
  WithEnvironment(std::string name, const std::optional<std::string>& value) : name_(std::move(name)) {
    if (const char* old = std::getenv(name_.c_str())) before_ = old;
    set(value);
  }
  ~WithEnvironment() { set(before_); }
  WithEnvironment(const WithEnvironment&) = delete;

 private:
  void set(const std::optional<std::string>& value) {
    if (value)
      setenv(name_.c_str(), value->c_str(), 1);
    else
      unsetenv(name_.c_str());
  }
  std::string name_;
  std::optional<std::string> before_;
};

}  // namespace trm::testing
