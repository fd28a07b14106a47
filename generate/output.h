#pragma once
#include <string_view>

namespace trm {

/// Writes to standard output at once. Standard output carries answers only, so that it can be piped. Throws
/// std::runtime_error where it cannot be written.
void write_answer(std::string_view text);

/// A line on standard error, where notes are shown (--log-level).
void note(std::string_view text);

}  // namespace trm
