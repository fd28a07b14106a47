#include "text/printable.h"

#include <utf8.h>

#include <algorithm>
#include <cstdio>

namespace trm {
namespace {

std::string escaped(const char* format, unsigned code) {
  char text[16];
  std::snprintf(text, sizeof text, format, code);
  return text;
}

/// Control characters, and those that turn the direction of the text behind them.
bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

std::string shown(char32_t c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\0':
      return "\\0";
    default:
      return escaped(c < 0x80 ? "\\x%02X" : "\\u%04X", static_cast<unsigned>(c));
  }
}

/// Appends the character that `text` starts with, or its first byte where it starts none; returns its length.
size_t append_character(std::string_view text, std::string& out) {
  auto at = text.begin();
  try {
    const char32_t c = utf8::next(at, text.end());
    const auto length = static_cast<size_t>(at - text.begin());
    is_control(c) ? out += shown(c) : out += text.substr(0, length);
    return length;
  } catch (const utf8::exception&) {
    out += escaped("\\x%02X", static_cast<unsigned char>(text.front()));
    return 1;
  }
}

/// The last start of a character at or before `at`.
size_t character_start(std::string_view text, size_t at) {
  for (int back = 0; back < 3 && at > 0 && at < text.size() && (text[at] & 0xc0) == 0x80; ++back) --at;
  return at;
}

}  // namespace

std::string printable(std::string_view text, size_t longest) {
  std::string out;
  const size_t end = text.size() <= longest ? text.size() : character_start(text, longest);
  for (size_t at = 0; at < end;) at += append_character(text.substr(at), out);
  if (end < text.size()) out += "… (" + std::to_string(text.size()) + " bytes)";
  return out;
}

std::string printable_message(std::string_view message, size_t longest_line) {
  std::string out;
  for (size_t start = 0; start <= message.size();) {
    const size_t end = std::min(message.find('\n', start), message.size());
    const std::string_view line = message.substr(start, end - start);
    const bool whole = line.size() <= longest_line;
    const size_t head = whole ? line.size() : character_start(line, longest_line / 2);
    const size_t tail = whole ? line.size() : character_start(line, line.size() - longest_line / 2);
    for (size_t at = 0; at < line.size();) {
      if (at >= head && at < tail) {
        out += " … ";
        at = tail;
      }
      if (line[at] == '\t') {
        out += line[at++];
        continue;
      }
      at += append_character(line.substr(at), out);
    }
    if (end == message.size()) break;
    out += '\n';
    start = end + 1;
  }
  return out;
}

std::string line_and_column(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t newline = before.rfind('\n');
  const size_t column = newline == std::string_view::npos ? before.size() + 1 : before.size() - newline;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace trm
