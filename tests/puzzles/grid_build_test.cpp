// Sudoku and mazes, from files and generated.
#include <algorithm>
#include <set>

#include "data/dataset.h"
#include "puzzles/kinds.h"
#include "puzzles/maze/build.h"
#include "puzzles/maze/generator.h"
#include "puzzles/maze/maze.h"
#include "puzzles/sudoku/build.h"
#include "puzzles/sudoku/generator.h"
#include "tests/data/folders.h"

namespace trm {
namespace {

namespace fs = std::filesystem;
using Tokens = std::vector<int32_t>;
using testing::read_file;
using testing::write_file;

const std::string question = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
const std::string answer = "534678912672195348198342567859761423426853791713924856961537284287419635345286179";
const std::string header = "source,question,answer,rating\n";

/// Every file below a folder with its bytes.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) all[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
  return all;
}

struct Example {
  Tokens tokens, answer;
};

std::vector<Example> examples(const fs::path& folder, const char* split) {
  const Dataset dataset = Dataset::open({folder}, split);
  const ExampleSet& set = dataset.sets().at(0);
  std::vector<Example> all(set.examples());
  const auto width = static_cast<size_t>(dataset.metadata().seq_len);
  for (size_t i = 0; i < all.size(); ++i) {
    all[i] = {Tokens(width), Tokens(width)};
    set.read_example(i, all[i].tokens, all[i].answer);
  }
  return all;
}

class GridBuilds : public ::testing::Test {
 protected:
  template <class Build>
  Build into(const char* name) {
    Build build;
    build.output.folder = folder_ / name;
    build.output.say = [this](const std::string& line) { said_ += line + "\n"; };
    return build;
  }
  SudokuBuild from(const std::string& csv, const char* name = "d") {
    write_file(folder_ / "f.csv", csv);
    auto build = into<SudokuBuild>(name);
    build.input_file = folder_ / "f.csv";
    return build;
  }
  void expect_error(const std::string& csv, const std::vector<std::string>& parts) {
    const std::string message = testing::error_of([&] { build_sudoku(from(csv)); });
    for (const std::string& part : parts) EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
    EXPECT_EQ(folder_.entries(), 1u) << "something is left of the build";  // the CSV file
  }

  testing::TemporaryFolder folder_;
  std::string said_;
};

TEST_F(GridBuilds, SudokuFromAFile) {
  // A byte order mark, CRLF, quotes, another order of columns, 0 for a blank, no end of the last line.
  std::string zeros = question;
  std::replace(zeros.begin(), zeros.end(), '.', '0');
  build_sudoku(from("\xef\xbb\xbfrating,\"answer\",question,source\r\n3," + answer + ",\"" + question +
                    "\",\"a, \"\"b\"\"\"\r\n\r\n9," + answer + "," + zeros + ",x"));
  const std::vector<Example> all = examples(folder_ / "d", "train");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].tokens, all[1].tokens);
  EXPECT_EQ(all[0].tokens[0], 6);
  EXPECT_EQ(all[0].tokens[2], 1);
  EXPECT_EQ(all[0].answer[2], 5);
  EXPECT_NE(said_.find("train: 2 boards; rating 3 to 9"), std::string::npos) << said_;
  const Metadata metadata = Dataset::open({folder_ / "d"}, "train").metadata();
  EXPECT_EQ(metadata.puzzle_kind, "sudoku");
  EXPECT_EQ(metadata.vocab_size, 11);
  EXPECT_EQ(metadata.ignore_label_id, 0);
  EXPECT_EQ(metadata.num_puzzle_identifiers, 1);
  EXPECT_EQ(read_file(folder_ / "d" / "identifiers.json"), "[\"<blank>\"]\n");
  EXPECT_EQ(Dataset::open({folder_ / "d"}, "train").sets()[0].inputs.dtype(), "|u1");
  EXPECT_FALSE(fs::exists(folder_ / "d" / "test"));
}

TEST_F(GridBuilds, BadRowsAreNamed) {
  const auto row = [](const std::string& q, const std::string& a) { return header + "s," + q + "," + a + ",1\n"; };
  std::string wrong = answer, several = question, none = question, letter = question;
  std::swap(wrong[0], wrong[1]);
  for (size_t i : {0, 1, 4, 9, 12, 13}) several[i] = '.';
  none[2] = '5';
  letter[7] = 'x';
  const std::string good = row(question, answer);
  expect_error(row(question.substr(1), answer), {"f.csv", "line 2", "80 characters", "16, 36 or 81"});
  expect_error(good + "s," + question.substr(1) + "," + answer + ",1\n",
               {"line 3", "question has 80", "81 are needed"});
  expect_error(row(question, answer + "1"), {"line 2", "answer has 82", "81 are needed"});
  expect_error(row(question, wrong), {"line 2", "the answer is wrong", "row 1"});
  expect_error(row(question, question), {"line 2", "the answer is wrong", "left blank"});
  expect_error(row(several, answer), {"line 2", "several solutions"});
  expect_error(row(none, answer), {"line 2", "no solution"});
  expect_error(row(letter, answer), {"line 2", "question, character 8", "'x'"});
  expect_error("source,question,rating\ns," + question + ",1\n", {"f.csv", "line 1", "no column 'answer'", "'rating'"});
  expect_error(good + "s," + question + "\n", {"line 3", "2 fields", "4"});
  expect_error(header + "s,\"" + question + "," + answer + ",1\n", {"line 2", "never close"});
  expect_error(header + "s,\"" + question + "\"x," + answer + ",1\n", {"line 2", "closing quote"});
  expect_error(header, {"f.csv", "no puzzles"});
  expect_error("", {"f.csv", "empty"});
  SudokuBuild build = from(good + "s," + question + "," + answer + ",hard\n");
  build.min_difficulty = 1;
  EXPECT_ERROR_WITH(build_sudoku(build), "line 3", "rating is 'hard'");
  build = from(good);
  build.min_difficulty = 5;
  EXPECT_ERROR_WITH(build_sudoku(build), "no puzzles", "at least 5");
  build.input_file = folder_ / "absent.csv";
  EXPECT_ERROR_WITH(build_sudoku(build), "absent.csv");
}

TEST_F(GridBuilds, ImagesAreGroupedWithTheirBoard) {
  SudokuBuild build = into<SudokuBuild>("d");
  build.generate = 20;
  build.test = 5;
  build.size = 6;
  build.num_aug = 3;
  build_sudoku(build);
  const Dataset train = Dataset::open({folder_ / "d"}, "train"), test = Dataset::open({folder_ / "d"}, "test");
  EXPECT_EQ(train.examples(), 80u);
  EXPECT_EQ(train.groups(), 20u);
  EXPECT_EQ(test.examples(), 5u);
  EXPECT_EQ(train.metadata().total_puzzles, 80);
  const auto kind = puzzle_kind(train.metadata().puzzle_kind, 11, 36);
  std::set<Tokens> seen;
  for (const char* split : {"train", "test"}) {
    for (const Example& one : examples(folder_ / "d", split)) {
      EXPECT_EQ(kind->solutions(one.tokens).count, Answers::one);
      EXPECT_EQ(kind->solutions(one.tokens).first, one.answer);
      EXPECT_TRUE(seen.insert(one.tokens).second);
    }
  }
}

TEST_F(GridBuilds, ThreadsDoNotChangeAByte) {
  const auto build = [&](const char* name, int threads, uint64_t seed) {
    auto sudoku = into<SudokuBuild>((std::string("s") + name).c_str());
    sudoku.size = 6;
    sudoku.generate = 60;
    sudoku.test = 20;
    sudoku.num_aug = 2;
    auto maze = into<MazeBuild>((std::string("m") + name).c_str());
    maze.size = 9;
    maze.generate = 60;
    maze.aug = true;
    for (BuildOutput* output : {&sudoku.output, &maze.output}) {
      output->threads = threads;
      output->seed = seed;
    }
    build_sudoku(sudoku);
    build_maze(maze);
  };
  build("1", 1, 42);
  build("3", 3, 42);
  build("other", 3, 43);
  for (const std::string kind : {"s", "m"}) {
    EXPECT_EQ(contents(folder_ / (kind + "1")), contents(folder_ / (kind + "3")));
    EXPECT_NE(contents(folder_ / (kind + "1")).at("train/all__inputs.npy"),
              contents(folder_ / (kind + "other")).at("train/all__inputs.npy"));
  }
}

TEST_F(GridBuilds, SubsamplesAreDrawnFromTheRowsThatAreHardEnough) {
  SplitMix64 random(1);
  SudokuSolver solver(*SudokuShape::of_side(4));
  std::string csv = header;
  for (int i = 0; i < 40; ++i) {
    const SudokuPuzzle puzzle = *generate_sudoku(solver, random, 0);
    csv += "s,";
    for (const uint8_t d : puzzle.question) csv += static_cast<char>('0' + d);
    csv += ",";
    for (const uint8_t d : puzzle.answer) csv += static_cast<char>('0' + d);
    csv += "," + std::to_string(i) + "\n";
  }
  SudokuBuild build = from(csv);
  build.test_file = build.input_file;
  build.subsample_size = 10;
  build.min_difficulty = 20;
  build.output.threads = 2;
  build_sudoku(build);
  const std::vector<Example> all = examples(folder_ / "d", "test"), some = examples(folder_ / "d", "train");
  EXPECT_EQ(all.size(), 20u);
  ASSERT_EQ(some.size(), 10u);
  size_t at = 0;  // in order of the file
  for (const Example& one : some) {
    while (at < all.size() && all[at].tokens != one.tokens) ++at;
    EXPECT_LT(at, all.size());
  }
  EXPECT_NE(all[9].tokens, some[9].tokens) << "the first ten";
  build.output.folder = folder_ / "more";
  build.subsample_size = 100;
  build_sudoku(build);
  EXPECT_EQ(examples(folder_ / "more", "train").size(), 20u);
}

TEST_F(GridBuilds, WhatCannotBeFoundIsSaid) {
  SudokuBuild small = into<SudokuBuild>("d");
  small.size = 4;
  small.generate = 10;
  small.min_difficulty = 1000;
  EXPECT_ERROR_WITH(build_sudoku(small), "no board of 4 × 4", "1000", "--min-difficulty");
  MazeBuild maze = into<MazeBuild>("d");
  maze.size = 9;
  maze.min_path = 500;
  maze.generate = 1;
  EXPECT_ERROR_WITH(build_maze(maze), "no maze of 9 × 9", "500", "--min-path");
  maze.size = 3;
  maze.min_path = 0;
  maze.generate = 1000000;
  EXPECT_ERROR_WITH(build_maze(maze), "1000000", "different mazes");
  EXPECT_EQ(folder_.entries(), 0u);
}

TEST(SudokuGenerator, MixesEasyAndHardWhereNoneIsAsked) {
  SudokuSolver solver(*SudokuShape::of_side(6));
  std::set<long> clues;
  for (uint64_t i = 0; i < 60; ++i) {
    SplitMix64 random(i);
    const SudokuPuzzle puzzle = *generate_sudoku(solver, random, 0);
    clues.insert(std::ranges::count_if(puzzle.question, [](uint8_t digit) { return digit > 0; }));
    EXPECT_EQ(solver.solve(puzzle.question).first, puzzle.answer);
  }
  EXPECT_LE(*clues.begin(), 11);
  EXPECT_GE(*clues.rbegin(), 17);
  EXPECT_LE(*clues.rbegin(), 18);
}

TEST(SudokuGenerator, MakesMinimalBoardsAsHardAsAsked) {
  SudokuSolver solver(*SudokuShape::of_side(9));
  for (uint64_t i = 0; i < 3; ++i) {
    SplitMix64 random(i);
    const SudokuPuzzle puzzle = *generate_sudoku(solver, random, 20);
    const SudokuSearch found = solver.solve(puzzle.question);
    EXPECT_EQ(found.solutions, 1);
    EXPECT_EQ(found.first, puzzle.answer);
    EXPECT_EQ(found.guesses, puzzle.rating);
    EXPECT_GE(puzzle.rating, 20);
    for (int cell = 0; cell < 81; ++cell) {
      if (puzzle.question[static_cast<size_t>(cell)] == 0) continue;
      EXPECT_TRUE(solver.can_differ(puzzle.question, cell));
    }
  }
}

TEST(MazeGenerator, KeepsItsPromises) {
  int several = 0;
  for (const bool unique : {false, true}) {
    for (const int side : {7, 10, 30}) {
      const MazeShape shape{side, side * side / 9, unique};
      for (uint64_t i = 0; i < 20; ++i) {
        SplitMix64 random(i);
        const MazePuzzle maze = *generate_maze(random, shape);
        EXPECT_EQ(maze_fault(maze.question, side), "");
        const ShortestPaths paths = shortest_paths(maze.question, side);
        EXPECT_GT(paths.length, shape.min_path);
        EXPECT_EQ(paths.length, maze.length);
        EXPECT_TRUE(!unique || paths.count == Answers::one);
        several += paths.count == Answers::several;
        Puzzle puzzle;
        puzzle.tokens = maze.question;
        EXPECT_EQ(puzzle_kind("maze", 6, side * side)->broken_rule(puzzle, maze.answer), "");
      }
    }
  }
  EXPECT_GT(several, 0) << "without --unique there are mazes with several shortest paths";
}

TEST_F(GridBuilds, MazesFromAFile) {
  auto build = into<MazeBuild>("d");
  build.input_file = folder_ / "m.csv";
  const auto write = [&](const std::string& row) {
    write_file(folder_ / "m.csv", "source,question,answer,rating\nx," + row + "\n");
  };
  write("S #  ##G ,S #o ##G ,3");
  EXPECT_ERROR_WITH(build_maze(build), "m.csv", "line 2", "answer is wrong");
  write("S    ##G ,So  o##G ,3");
  build.aug = true;
  build_maze(build);
  const std::vector<Example> all = examples(folder_ / "d", "train");
  ASSERT_EQ(all.size(), 8u);
  EXPECT_EQ(all[0].tokens, (Tokens{3, 2, 2, 2, 2, 1, 1, 4, 2}));
  EXPECT_EQ(all[6].tokens, (Tokens{3, 2, 1, 2, 2, 4, 2, 1, 2}));  // transposed
  EXPECT_EQ(Dataset::open({folder_ / "d"}, "train").metadata().puzzle_kind, "maze");
  build.output.force = true;
  write("S # #G   ,So# #G   ,3");
  EXPECT_ERROR_WITH(build_maze(build), "line 2", "no path");
  write("S S  ##G ,So  o##G ,3");
  EXPECT_ERROR_WITH(build_maze(build), "second S (row 1, column 3)");
  write("S   ,So  ,3");
  EXPECT_ERROR_WITH(build_maze(build), "line 2", "there is no G");
  write("S  G ,S  G ,3");
  EXPECT_ERROR_WITH(build_maze(build), "5 characters", "square");
  EXPECT_EQ(examples(folder_ / "d", "train").size(), 8u) << "what was there is destroyed";
}

TEST_F(GridBuilds, RealCsvFile) {
  const fs::path real = fs::path(std::getenv("TRM_SHARED") ? std::getenv("TRM_SHARED") : "") / "data/sudoku-forum";
  if (!fs::exists(real)) GTEST_SKIP() << real << " is absent";
  auto build = into<SudokuBuild>("d");
  build.input_file = real / "train.csv";
  build.test_file = real / "test.csv";
  build.subsample_size = 100;
  build.min_difficulty = 200;
  build.output.threads = 2;
  build_sudoku(build);
  // The rating of this file is that of the solver here.
  SudokuSolver solver(*SudokuShape::of_side(9));
  for (const Example& one : examples(folder_ / "d", "train")) {
    SudokuBoard board;
    for (const int32_t token : one.tokens) board.push_back(static_cast<uint8_t>(token - 1));
    EXPECT_GE(solver.solve(board).guesses, 200);
  }
}

}  // namespace
}  // namespace trm
