#include "device/cpu/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace trm::cpu {
namespace {

namespace fs = std::filesystem;

/// Nothing for "max", and for version 1's "no limit" of about 2^63.
std::optional<size_t> number_in(const fs::path& file) {
  std::ifstream in(file);
  size_t number = 0;
  if (!(in >> number) || number >= size_t{1} << 60) return std::nullopt;
  return number;
}

/// The path of the group in lines "0::/a/b" (version 2) or "5:memory:/a/b" (version 1).
std::optional<fs::path> group_of(const std::string& groups, const std::string& controller) {
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool named =
        controller.empty() ? controllers == ",," : controllers.find("," + controller + ",") != std::string::npos;
    if (named) return fs::path(line.substr(second + 1)).relative_path();
  }
  return std::nullopt;
}

/// From the group up to the root, which in a container is the group itself.
void narrow(const fs::path& root, fs::path group, const char* most_name, const char* used_name,
            std::optional<MemoryLimit>& limit) {
  for (;; group = group.parent_path()) {
    if (const auto most = number_in(root / group / most_name)) {
      const size_t used = std::min(*most, number_in(root / group / used_name).value_or(0));
      const size_t room = limit ? std::min(limit->most - limit->used, *most - used) : *most - used;
      const size_t least = limit ? std::min(limit->most, *most) : *most;
      limit = MemoryLimit{least, least - std::min(least, room)};
    }
    if (group.empty()) return;
  }
}

}  // namespace

std::optional<MemoryLimit> memory_limit(const std::string& groups, const fs::path& root) {
  std::optional<MemoryLimit> limit;
  if (const auto group = group_of(groups, "")) narrow(root, *group, "memory.max", "memory.current", limit);
  if (const auto group = group_of(groups, "memory"))
    narrow(root / "memory", *group, "memory.limit_in_bytes", "memory.usage_in_bytes", limit);
  return limit;
}

std::optional<MemoryLimit> memory_limit() {
  std::ifstream in("/proc/self/cgroup");
  std::ostringstream groups;
  if (in.peek() != std::ifstream::traits_type::eof()) groups << in.rdbuf();
  return memory_limit(groups.str(), "/sys/fs/cgroup");
}

}  // namespace trm::cpu
