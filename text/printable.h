#pragma once
// What messages quote from files and command lines, which may hold any bytes and be of any length.
#include <cstddef>
#include <string>
#include <string_view>

namespace trm {

/// UTF-8 on one line that a terminal shows and does not obey: control characters as \n, \t, \x1B, \u009B, bytes that
/// are no UTF-8 as \xE9. Of a longer text, the first `longest` bytes or so and how long it is.
std::string printable(std::string_view text, size_t longest = 100);

/// A whole message: as above, but line ends and tabs stay, and of each line too long the middle is left out.
std::string printable_message(std::string_view message, size_t longest_line = 2000);

/// "line 3, column 14" (from 1, in bytes) of a byte's offset.
std::string line_and_column(std::string_view text, size_t offset);

}  // namespace trm
