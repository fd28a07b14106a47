#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace trm::cpu {

/// What the control group of this process may use, and uses, in bytes: the least room of the group and those above it.
struct MemoryLimit {
  size_t most = 0, used = 0;
};

/// Nothing where there is no limit. `groups` is the text of /proc/self/cgroup, `root` where control groups are mounted
/// (version 2, or version 1 with a folder `memory`).
std::optional<MemoryLimit> memory_limit(const std::string& groups, const std::filesystem::path& root);

/// That of this process.
std::optional<MemoryLimit> memory_limit();

}  // namespace trm::cpu
