#include "data/how_to_build.h"

#include <algorithm>
#include <cctype>

namespace trm {
namespace {

struct Recipe {
  const char* part;  // of the folder's name
  const char* command;
};

// The names that the Python project's guides give its folders come first.
constexpr Recipe recipes[] = {
    {"arc2", "arc --input-file-prefix P --subsets training2 evaluation2 concept --test-set-name evaluation2"},
    {"arc", "arc --input-file-prefix P --subsets training evaluation concept --test-set-name evaluation"},
    {"sudoku", "sudoku --generate 1000 --test 1000 --min-difficulty 20"},
    {"maze", "maze --generate 1000 --test 1000"},
    {"text", "text --input-file F"},
    {"chat", "chat --input-file F"},
};

}  // namespace

std::string how_to_build(const std::filesystem::path& folder) {
  std::string name = folder.lexically_normal().string();
  while (name.ends_with('/')) name.pop_back();
  name = name.substr(name.rfind('/') + 1);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const Recipe& recipe : recipes) {
    if (name.find(recipe.part) == std::string::npos) continue;
    return std::string("; to make it: build_dataset ") + recipe.command + " --output-dir " + folder.string() +
           " (build_dataset --help has more)";
  }
  return "; build_dataset makes one, data_paths names it";
}

}  // namespace trm
