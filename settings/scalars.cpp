#include "settings/scalars.h"

#include <utf8.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace trm {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// Without a leading plus and without underscores that stand between digits.
std::string bare_number(const std::string& text) {
  std::string out;
  for (std::size_t i = text.size() > 1 && text[0] == '+' && text[1] != '-' ? 1 : 0; i < text.size(); ++i)
    if (!(text[i] == '_' && i > 0 && i + 1 < text.size() && is_digit(text[i - 1]) && is_digit(text[i + 1])))
      out += text[i];
  return out;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// Whether YAML 1.1 or 1.2 reads this text, unquoted, as this string and nothing else.
bool is_plain(const std::string& text) {
  if (text.empty() || text.back() == ' ') return false;
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '.' || c == '/' || c == '-' || c == '+' || c == '@' || c == ' ';
  };
  if (!std::all_of(text.begin(), text.end(), allowed)) return false;
  const auto first = static_cast<unsigned char>(text[0]);
  if (!(std::isalpha(first) || first == '_' || first == '/')) return false;
  const std::string word = lower(text);
  for (const char* other : {"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
    if (word == other) return false;
  return true;
}

}  // namespace

std::optional<bool> to_bool(const std::string& text) {
  const std::string word = lower(text);
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return std::nullopt;
}

std::optional<double> to_number(const std::string& text) {
  const std::string number = bare_number(text);
  // Not from_chars: macOS has it for integers only.
  if (number.empty() || number[0] == '+' || number.find_first_not_of("0123456789.eE+-") != std::string::npos)
    return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const double value = std::strtod(number.c_str(), &end);
  if (errno == ERANGE || end != number.c_str() + number.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> to_integer(const std::string& text) {
  const std::string number = bare_number(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (!number.empty() && error == std::errc() && end == number.data() + number.size()) return value;
  const auto real = to_number(text);
  if (real && std::trunc(*real) == *real && std::abs(*real) < 9007199254740992.0)
    return static_cast<std::int64_t>(*real);
  return std::nullopt;
}

bool is_text(const std::string& text) {
  return text.find('\0') == std::string::npos && utf8::is_valid(text.begin(), text.end());
}

Node from_bool(bool value) { return Node::scalar(value ? "true" : "false"); }

Node from_integer(std::int64_t value) { return Node::scalar(std::to_string(value)); }

Node from_number(double value) {
  char digits[64];
  const bool fixed = value == 0 || (std::abs(value) >= 1e-4 && std::abs(value) < 1e16);
  const auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
  std::string text(digits, std::to_chars(digits, digits + sizeof digits, value, format).ptr);
  if (text.find('.') == std::string::npos) {
    const auto exponent = text.find('e');
    text.insert(exponent == std::string::npos ? text.size() : exponent, ".0");
  }
  return Node::scalar(text);
}

Node from_string(const std::string& value) {
  Node node = Node::scalar("");
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value.compare(i, 2, "${") == 0) node.text += '\\';
    node.text += value[i];
  }
  node.quoted = !is_plain(node.text);
  return node;
}

}  // namespace trm
