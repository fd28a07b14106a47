#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace trm {

/// A file's name as errors show it: 'name', printable.
std::string quoted(const std::filesystem::path& file);

/// A file's text in UTF-8, without a byte order mark (text/encoding.h). Throws DataError naming the file and the
/// system's reason, or what the file is instead of text.
std::string read_text_file(const std::filesystem::path& file);

/// Throws DataError naming the file and the system's reason.
void write_text_file(const std::filesystem::path& file, std::string_view text);

}  // namespace trm
