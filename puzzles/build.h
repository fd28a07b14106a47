#pragma once
// What the builders of puzzle datasets have in common.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace trm {

/// Called now and then: what is under way, and how much of it is done; total 0 where that is not known.
using BuildProgress = std::function<void(const std::string& what, uint64_t done, uint64_t total)>;

struct BuildOutput {
  std::filesystem::path folder;
  bool force = false;  // replace a dataset
  uint64_t seed = 42;  // the bytes written depend on it, not on the number of threads
  int threads = 1;
  BuildProgress progress = [](const std::string&, uint64_t, uint64_t) {};
  std::function<void(const std::string&)> say = [](const std::string&) {};  // a line on what was built
};

}  // namespace trm
