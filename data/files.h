#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace trm {

/// A file's name as errors show it: 'name'.
std::string quoted(const std::filesystem::path& file);

/// Throw DataError naming the file and the system's reason.
std::string read_text_file(const std::filesystem::path& file);
void write_text_file(const std::filesystem::path& file, std::string_view text);

/// "line 3, column 14" of a byte offset.
std::string line_and_column(std::string_view text, size_t offset);

}  // namespace trm
