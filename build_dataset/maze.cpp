#include <iostream>

#include "build_dataset/command_line.h"
#include "build_dataset/grid_options.h"
#include "build_dataset/options.h"
#include "build_dataset/progress_bar.h"
#include "build_dataset/subcommands.h"
#include "puzzles/maze/build.h"

namespace trm {
namespace {

constexpr const char* kExample =
    "\nExamples:\n"
    "  build_dataset maze --generate 1000 --test 1000 --output-dir data/maze\n"
    "  build_dataset maze --generate 1000 --test 1000 --size 15 --min-path 30 --unique --output-dir data/maze-small\n"
    "  pretrain --config-name cfg_maze data_paths=[data/maze]\n"
    "\nA maze is square, over # (wall), a space, S (start) and G (goal); the answer marks a shortest path with o. The "
    "rating\n"
    "of a maze that is made is the length of its shortest path.\n";

}  // namespace

int maze_command(int argc, char** argv) {
  cxxopts::Options options("build_dataset maze", "Builds a dataset folder of mazes.");
  add_grid_options(options, "30", "side of the mazes that are made");
  options.add_options()  //
      ("min-path", "made mazes: the shortest path has more moves than that (default: 110 at size 30, by area)",
       cxxopts::value<std::string>(), "N")                  //
      ("unique", "only mazes with a single shortest path")  //
      ("aug", "write the seven other symmetries of each training maze beside it");
  const cxxopts::ParseResult result = parse_options(options, "maze", {"output-dir"}, argc, argv);
  if (result.count("help") > 0) {
    std::cout << options.help() << kExample;
    return 0;
  }
  MazeBuild build;
  read_grid_options(result, {"size", "min-path"}, build);
  build.size = static_cast<int>(integer_option(result, "size", 3, 200));
  if (result.count("min-path") > 0) build.min_path = static_cast<int>(integer_option(result, "min-path", 0, 40000));
  build.unique = result.count("unique") > 0;
  build.aug = result.count("aug") > 0;
  timed(build.output, [&] { build_maze(build); });
  return 0;
}

}  // namespace trm
