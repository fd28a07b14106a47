#pragma once
#include <filesystem>
#include <string>

namespace trm {

/// What to run to get the dataset folder `folder`, judged by its name: "; build_dataset arc … makes one".
std::string how_to_build(const std::filesystem::path& folder);

}  // namespace trm
