#include "tokenizer/unicode.h"

#include <utf8.h>

#include <algorithm>
#include <cstdint>

namespace trm {
namespace {

bool is_white_space(uint32_t c) {
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Length of the white space character that `text` starts with; 0 if it starts with none.
size_t space_length(std::string_view text) {
  auto [length, kind] = next_sequence(text);
  if (kind != Utf8::valid) return 0;
  return is_white_space(utf8::unchecked::peek_next(text.data())) ? length : 0;
}

}  // namespace

Utf8Sequence next_sequence(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {1, Utf8::valid};
  if (lead < 0xC2 || lead > 0xF4) return {1, Utf8::invalid};
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {i, Utf8::unfinished};
    // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
    const unsigned low = i > 1 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = i > 1 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(i) < low || byte(i) > high) return {i, Utf8::invalid};
  }
  return {length, Utf8::valid};
}

std::string to_valid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (;;) {
    const size_t valid = utf8::find_invalid(bytes.begin(), bytes.end()) - bytes.begin();
    out.append(bytes.substr(0, valid));
    bytes.remove_prefix(valid);
    if (bytes.empty()) return out;
    out.append(kReplacementCharacter);
    bytes.remove_prefix(next_sequence(bytes).length);
  }
}

size_t unfinished_length(std::string_view bytes) {
  for (size_t back = 1; back <= std::min<size_t>(3, bytes.size()); ++back) {
    if (is_continuation(bytes[bytes.size() - back])) continue;
    const auto [length, kind] = next_sequence(bytes.substr(bytes.size() - back));
    return kind == Utf8::unfinished && length == back ? back : 0;
  }
  return 0;
}

size_t leading_space(std::string_view text) {
  size_t length = 0;
  while (length < text.size()) {
    const size_t step = space_length(text.substr(length));
    if (step == 0) break;
    length += step;
  }
  return length;
}

size_t trailing_space(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t start = end - 1;
    while (start > 0 && end - start < 4 && is_continuation(text[start])) --start;
    if (space_length(text.substr(start, end - start)) != end - start) break;
    end = start;
  }
  return text.size() - end;
}

}  // namespace trm
