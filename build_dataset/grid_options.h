#pragma once
// What sudoku and maze have in common on the command line.
#include <string>
#include <vector>

#include "puzzles/grid_build.h"

namespace cxxopts {
class Options;
class ParseResult;
}  // namespace cxxopts

namespace trm {

void add_grid_options(cxxopts::Options& options, const char* size_default, const char* size_help);

/// Throws UsageError where it is not said, or said twice, where the puzzles come from; `generated_only` are options
/// that go with --generate.
void read_grid_options(const cxxopts::ParseResult& result, const std::vector<std::string>& generated_only,
                       GridBuild& build);

}  // namespace trm
