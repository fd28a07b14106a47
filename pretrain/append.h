#pragma once
#include <filesystem>
#include <string>

namespace trm {

/// Appends all of the text to a file, which is made where there is none, or, where that fails, nothing of it. Returns
/// errno or 0.
int append_whole(const std::filesystem::path& file, const std::string& text);

}  // namespace trm
