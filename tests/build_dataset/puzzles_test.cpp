// Puzzles, as a user builds them.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "data/dataset.h"
#include "tests/build_dataset/program.h"
#include "tests/shared.h"

namespace trm {
namespace {

using namespace testing;

class BuildPuzzles : public BuildDatasetTest {};

TEST_F(BuildPuzzles, HelpShowsAnExample) {
  for (const std::string kind : {"sudoku", "maze", "arc"}) {
    const Result result = build_dataset(kind + " --help");
    EXPECT_EQ(result.status, 0) << kind;
    for (const char* part : {"Example", "--output-dir", "--force", "--seed", "pretrain "})
      EXPECT_TRUE(result.says(part)) << part << " in " << result.output;
  }
}

TEST_F(BuildPuzzles, WrongCommandLinesAreNamed) {
  write_file(folder_ / "f.csv", "question,answer\n");
  const std::string file = " --input-file " + quoted(folder_ / "f.csv") + " ", made = " --generate 2 ";
  expect_error("sudoku" + output(), {"where the puzzles come from", "--input-file", "--generate"});
  expect_error("sudoku" + output() + file + made, {"exclude each other"});
  expect_error("sudoku" + file, {"--output-dir is missing"});
  expect_error("sudoku" + output() + file + "--test 3", {"--test ", "--test-file"});
  expect_error("sudoku" + output() + file + "--size 6", {"--size", "leave it out"});
  expect_error("sudoku" + output() + made + "--size 8", {"--size is '8'", "4, 6 or 9"});
  expect_error("sudoku" + output() + made + "--test-file x", {"--test-file", "--input-file"});
  expect_error("sudoku" + output() + made + "--subsample-size 1", {"--subsample-size"});
  expect_error("sudoku" + output() + "--generate 0", {"--generate is '0'"});
  expect_error("sudoku" + output() + made + "--num-augs 3", {"--num-augs (did you mean --num-aug?)"});
  expect_error("sudoku" + output() + made + "3", {"'3' belongs to no option"});
  expect_error("sudoku" + output() + file, {"f.csv", "no puzzles"});
  expect_error("maze" + output() + file + "--min-path 3", {"--min-path"});
  expect_error("maze" + output() + made + "--size 2", {"--size is '2'"});
  expect_error("arc" + output() + "--input-file-prefix x --subsets a", {"--test-set-name is missing"});
  expect_error("arc" + output() + "--input-file-prefix x --subsets a b --test-set-name c", {"'c'", "a, b"});
  expect_error("arc" + output() + "--input-file-prefix x --subsets a,b --test-set-name b", {"x_a_challenges.json"});
  EXPECT_FALSE(fs::exists(folder_ / "d"));
}

TEST_F(BuildPuzzles, MadeOnesOpen) {
  const Result sudoku = build_dataset("sudoku --size 4 --generate 5 --test 3" + output());
  ASSERT_EQ(sudoku.status, 0) << sudoku.output;
  EXPECT_TRUE(sudoku.says("train: 5 boards") && sudoku.says("test: 3 boards") && sudoku.says("Dataset saved to"));
  EXPECT_EQ(Dataset::open({folder_ / "d"}, "train").metadata().seq_len, 16);
  expect_error("maze --generate 5" + output(), {"already holds a dataset", "--force"});
  const Result maze = build_dataset("maze --generate 4 --size 8 --unique --aug --force" + output());
  ASSERT_EQ(maze.status, 0) << maze.output;
  EXPECT_EQ(Dataset::open({folder_ / "d"}, "train").examples(), 32u);
}

TEST_F(BuildPuzzles, RealArc) {
  TRM_REQUIRE_SHARED("data/arc/arc-agi_concept_challenges.json");
  const Result result =
      build_dataset("arc --num-aug 3 --input-file-prefix " + quoted(shared_dir() / "data/arc/arc-agi") + output() +
                    "--subsets training evaluation concept --test-set-name evaluation");
  ASSERT_EQ(result.status, 0) << result.output;
  const Dataset train = Dataset::open({folder_ / "d"}, "train"), test = Dataset::open({folder_ / "d"}, "test");
  EXPECT_EQ(test.groups(), 400u);
  EXPECT_EQ(train.groups(), 960u) << result.output;
  EXPECT_EQ(train.metadata().num_puzzle_identifiers, test.metadata().num_puzzle_identifiers);
}

TEST_F(BuildPuzzles, InterruptedItLeavesNothing) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string program = (bin_dir() / "build_dataset").string(), target = (folder_ / "d").string();
    const pid_t child = ::fork();
    if (child == 0) {
      ::freopen("/dev/null", "w", stderr);
      ::execl(program.c_str(), program.c_str(), "sudoku", "--generate", "100000", "--min-difficulty", "50",
              "--output-dir", target.c_str(), nullptr);
      ::_exit(127);
    }
    for (int i = 0; i < 5000 && folder_.entries() == 0; ++i) ::usleep(2000);
    EXPECT_EQ(folder_.entries(), 1u) << "the folder being built";
    ::usleep(50000);
    ::kill(child, signal);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 128 + signal) << status;
    EXPECT_EQ(folder_.entries(), 0u);
  }
}

}  // namespace
}  // namespace trm
