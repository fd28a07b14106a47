#pragma once
// build_dataset as a user runs it.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>

#include "tests/data/folders.h"
#include "tests/shared.h"

namespace trm::testing {

namespace fs = std::filesystem;

struct Result {
  int status = -1;
  std::string output;  // of stdout and stderr together

  bool says(const std::string& part) const { return output.find(part) != std::string::npos; }
};

inline Result build_dataset(const std::string& arguments) {
  const fs::path program = bin_dir() / "build_dataset";
  std::string command(1, '\'');
  command.append(program.string()).append("' ").append(arguments).append(" 2>&1");
  FILE* pipe = ::popen(command.c_str(), "r");
  Result result;
  char piece[4096];
  while (const size_t count = std::fread(piece, 1, sizeof(piece), pipe)) result.output.append(piece, count);
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

class BuildDatasetTest : public ::testing::Test {
 protected:
  std::string quoted(const fs::path& path) { return std::string(1, '\'').append(path.string()).append(1, '\''); }
  std::string output() { return " --output-dir " + quoted(folder_ / "d") + " "; }
  void expect_error(const std::string& arguments, std::vector<std::string> parts) {
    const Result result = build_dataset(arguments);
    EXPECT_EQ(result.status, 1) << arguments;
    parts.push_back("error: ");
    for (const std::string& part : parts) EXPECT_TRUE(result.says(part)) << part << " in " << result.output;
  }
  TemporaryFolder folder_;
};

}  // namespace trm::testing
