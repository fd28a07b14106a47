#include "text/json.h"

#include <nlohmann/json.hpp>

#include "text/error.h"
#include "text/printable.h"

namespace trm {
namespace {

using nlohmann::json;

constexpr int kDeepest = 200;

struct Place {
  std::string_view text, whole;
  std::string operator()(size_t offset) const {
    return whole.empty() ? line_and_column(text, offset)
                         : line_and_column(whole, static_cast<size_t>(text.data() - whole.data()) + offset);
  }
};

/// Where the nesting first becomes too deep; npos where it does not.
size_t too_deep(std::string_view text) {
  int depth = 0;
  bool within_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (within_string) {
      if (c == '\\') ++i;
      if (c == '"') within_string = false;
    } else if (c == '"') {
      within_string = true;
    } else if ((c == '[' || c == '{') && ++depth > kDeepest) {
      return i;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return std::string_view::npos;
}

/// The library's message without its name, place, and the better part of a long word that it read last.
std::string reason_of(const json::exception& error) {
  std::string reason = error.what();
  if (const size_t column = reason.find("column "); column != std::string::npos) {
    const size_t colon = reason.find(": ", column);
    reason = colon == std::string::npos ? "" : reason.substr(colon + 2);
  } else if (const size_t bracket = reason.find("] "); bracket != std::string::npos) {
    reason = reason.substr(bracket + 2);
  }
  constexpr std::string_view last_read = "last read: '";
  const size_t word = reason.find(last_read);
  if (word != std::string::npos && reason.size() > word + 80)
    reason = reason.substr(0, word + last_read.size()) + "…" + reason.substr(reason.size() - 40);
  return printable(reason, 300);
}

/// Of a number that is too large the library tells its digits only.
size_t offset_of_number(std::string_view text, std::string_view what) {
  const size_t open = what.find('\''), close = what.rfind('\'');
  if (open == std::string_view::npos || close <= open) return 0;
  const size_t found = text.find(what.substr(open + 1, close - open - 1));
  return found == std::string_view::npos ? 0 : found;
}

}  // namespace

json parse_json(std::string_view text, std::string_view whole) {
  const Place place{text, whole};
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos)
    throw TextError("malformed JSON at " + place(zero) + ": a NUL byte (0x00)");
  if (const size_t deep = too_deep(text); deep != std::string_view::npos)
    throw TextError("JSON nested more than " + std::to_string(kDeepest) + " levels deep at " + place(deep));
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    const std::string reason = reason_of(error);
    throw TextError("malformed JSON at " + place(error.byte == 0 ? 0 : error.byte - 1) +
                    (reason.empty() ? "" : ": " + reason));
  } catch (const json::exception& error) {
    throw TextError("malformed JSON at " + place(offset_of_number(text, error.what())) + ": " + reason_of(error));
  }
}

std::string printable_json(const json& value, size_t longest) {
  return printable(value.dump(-1, ' ', false, json::error_handler_t::replace), longest);
}

}  // namespace trm
