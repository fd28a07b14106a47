#include "settings/override.h"

#include "settings/error.h"
#include "settings/keys.h"
#include "settings/yaml_reader.h"
#include "text/printable.h"

namespace trm {
namespace {

std::string trim(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

Override parse_override(const std::string& text) {
  std::string rest = trim(text);
  Override out;
  if (rest.rfind("~", 0) == 0) {
    out.reset = true;
    rest.erase(0, 1);
  } else {
    rest.erase(0, rest.rfind("++", 0) == 0 ? 2 : rest.rfind("+", 0) == 0 ? 1 : 0);
  }
  const auto equals = rest.find('=');
  out.key = trim(rest.substr(0, equals));
  const bool is_word = !out.key.empty() && out.key.find_first_of(" \t'\"[]{},$~+") == std::string::npos &&
                       out.key.front() != '.' && out.key.back() != '.' && out.key.find("..") == std::string::npos;
  if (!is_word || (equals == std::string::npos && !out.reset)) {
    std::string message = "'" + printable(text) +
                          "' on the command line is not an override; write key=value, +key=value, ++key=value or ~key" +
                          ", a value with spaces in the shell's quotes";
    if (is_word) {
      const Key& near = nearest_key(out.key);
      message += "; the nearest known key is '" + near.path + "', which takes " + near.takes;
    }
    throw SettingsError(message);
  }
  if (equals != std::string::npos) out.value = parse_value(rest.substr(equals + 1), out.key);
  return out;
}

}  // namespace trm
