#include <iostream>

#include "build_dataset/command_line.h"
#include "build_dataset/grid_options.h"
#include "build_dataset/options.h"
#include "build_dataset/progress_bar.h"
#include "build_dataset/subcommands.h"
#include "puzzles/sudoku/build.h"

namespace trm {
namespace {

constexpr const char* kExample =
    "\nExamples:\n"
    "  build_dataset sudoku --generate 1000 --test 500 --min-difficulty 20 --output-dir data/sudoku\n"
    "  build_dataset sudoku --input-file train.csv --test-file test.csv --subsample-size 1000 --output-dir "
    "data/sudoku\n"
    "  pretrain --config-name cfg_sudoku data_paths=[data/sudoku]\n"
    "\nA question has 81 characters (36, 16 for smaller boards), . or 0 for a blank, and one solution. The rating "
    "counts\n"
    "the guesses of a backtracking solver that knows singles. Boards that are made have up to half\n"
    "of their cells given; with --min-difficulty, no clue of theirs can be taken away.\n";

}  // namespace

int sudoku_command(int argc, char** argv) {
  cxxopts::Options options("build_dataset sudoku", "Builds a dataset folder of Sudoku boards.");
  add_grid_options(options, "9", "side of the boards that are made: 4, 6 or 9");
  options.add_options()("num-aug", "images of each training board to write beside it (augment=sudoku needs none)",
                        cxxopts::value<std::string>()->default_value("0"), "N");
  const cxxopts::ParseResult result = parse_options(options, "sudoku", {"output-dir"}, argc, argv);
  if (result.count("help") > 0) {
    std::cout << options.help() << kExample;
    return 0;
  }
  SudokuBuild build;
  read_grid_options(result, {"size"}, build);
  build.size = static_cast<int>(integer_option(result, "size", 4, 9));
  if (build.size != 4 && build.size != 6 && build.size != 9)
    throw UsageError("--size is '" + std::to_string(build.size) + "'; 4, 6 or 9 is needed");
  build.num_aug = static_cast<int>(integer_option(result, "num-aug", 0, 1000000));
  timed(build.output, [&] { build_sudoku(build); });
  return 0;
}

}  // namespace trm
