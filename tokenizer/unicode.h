#pragma once
// UTF-8 in text that may not be UTF-8.
#include <cstddef>
#include <string>
#include <string_view>

namespace trm {

inline constexpr const char* kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

enum class Utf8 { valid, invalid, unfinished };

/// What `text` (not empty) starts with: a character; the longest start of one that its next byte breaks, or a byte that
/// starts none; or the start of one that the end cuts off (Unicode 15, table 3-7).
struct Utf8Sequence {
  size_t length;
  Utf8 kind;
};
Utf8Sequence next_sequence(std::string_view text);

/// `bytes` with each invalid or unfinished sequence replaced by one U+FFFD ("maximal subparts", Unicode 15, 3.9).
std::string to_valid_utf8(std::string_view bytes);

/// How many bytes at the end of `bytes` are the start of an unfinished character: 0 to 3.
size_t unfinished_length(std::string_view bytes);

/// How many bytes of `text` are white space (Unicode property White_Space) at its start, at its end.
size_t leading_space(std::string_view text);
size_t trailing_space(std::string_view text);

}  // namespace trm
