#include "generate/puzzle_grid.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <nlohmann/json.hpp>

#include "generate/puzzle_page.h"
#include "puzzles/kinds.h"

namespace trm::testing {
namespace {

/// The tokens of a text, by the kind itself.
Puzzle read(const PuzzleKind& kind, const std::string& text) { return kind.read(text, "a test").at(0); }

TEST(PuzzleGrid, PlainTextMarksWhatChanged) {
  const auto kind = puzzle_kind("sudoku", 11, 16);
  const Puzzle puzzle = read(*kind, "1...\n..1.\n.2..\n...3\n"), answer = read(*kind, "1234\n34.1\n.2..\n...3\n");
  EXPECT_EQ(draw_grid(*kind, puzzle, answer.tokens, puzzle.tokens, false),
            " 1*2 |*3*4\n"
            "*3*4 |*.*1\n"
            "-----+----\n"
            " . 2 | . .\n"
            " . . | . 3\n");
}

TEST(PuzzleGrid, ColoursOnATerminal) {
  const auto kind = puzzle_kind("sudoku", 11, 16);
  const Puzzle puzzle = read(*kind, "1...\n....\n....\n....\n"), answer = read(*kind, "12..\n....\n....\n....\n");
  const std::string drawn = draw_grid(*kind, puzzle, answer.tokens, {}, true);
  EXPECT_NE(drawn.find("\x1b[1m1\x1b[0m"), std::string::npos) << "given cells are bold";
  EXPECT_NE(drawn.find("\x1b[36m2\x1b[0m"), std::string::npos) << "answered ones have a colour";
  EXPECT_NE(draw_grid(*kind, puzzle, answer.tokens, puzzle.tokens, true).find("\x1b[7m2\x1b[0m"), std::string::npos);

  const auto maze = puzzle_kind("maze", 6, 9);
  const Puzzle walls = read(*maze, "S #\n# #\n# G\n");
  const std::string coloured = draw_grid(*maze, walls, walls.tokens, {}, true);
  EXPECT_NE(coloured.find("S "), std::string::npos) << "letters stay to be read";
  EXPECT_EQ(coloured.find('#'), std::string::npos) << "walls are a colour";
}

TEST(PuzzleGrid, NoColourWhereItIsNotWanted) {
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(colour_wanted());
  ::unsetenv("NO_COLOR");
}

TEST(PuzzleGrid, DrawsOfACanvasWhatIsOnIt) {
  const auto kind = puzzle_kind("arc", 12, 900);
  const Puzzle task =
      read(*kind, R"({"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[1, 2, 3], [4, 5, 6]]}]})");
  const GridSize size = drawn_size(*kind, {std::span<const int32_t>(task.tokens)});
  EXPECT_EQ(size.rows, 2);
  EXPECT_EQ(size.columns, 3);
  EXPECT_EQ(draw_grid(*kind, task, task.tokens, {}, false), " 1 2 3\n 4 5 6\n");
}

nlohmann::json data_of(const std::string& page) {
  const std::string before = "const data = ";
  const size_t start = page.find(before) + before.size();
  return nlohmann::json::parse(page.substr(start, page.find(";\n", start) - start));
}

TEST(PuzzlePage, HoldsEveryStep) {
  const auto kind = puzzle_kind("sudoku", 11, 16);
  PagePuzzle shown;
  shown.puzzle = read(*kind, "1...\n..1.\n.2..\n...3\n");
  shown.puzzle.name = "</script><b>x";
  const Puzzle half = read(*kind, "12..\n..1.\n.2..\n...3\n"), whole = read(*kind, "1234\n3412\n4213\n2143\n");
  shown.steps = {{half.tokens, -1}, {whole.tokens, 2}};
  shown.judged = true;
  shown.broken = "row 1 has two of 2";
  const std::string page = puzzle_page(*kind, "Title", {shown, shown});
  EXPECT_EQ(page.find("</script><b>"), std::string::npos) << "a name must not end the script";
  EXPECT_EQ(page.find("http"), std::string::npos) << "the page loads something";
  for (const char* part : {"prefers-color-scheme: dark", "prefers-reduced-motion", "ArrowRight"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  const auto data = data_of(page);
  EXPECT_EQ(data["title"], "Title");
  EXPECT_EQ(data["box"], nlohmann::json::parse("[2, 2]"));
  ASSERT_EQ(data["puzzles"].size(), 2u);
  const auto& first = data["puzzles"][0];
  EXPECT_EQ(first["name"], "</script><b>x");
  EXPECT_EQ(first["rows"], 4);
  EXPECT_EQ(first["start"].get<std::vector<int32_t>>(), shown.puzzle.tokens);
  EXPECT_EQ(first["steps"][1]["cells"].get<std::vector<int32_t>>(), whole.tokens);
  EXPECT_NEAR(first["steps"][1]["right"].get<double>(), 0.8807970, 1e-6);
  EXPECT_EQ(first["given"].get<std::vector<int>>(), (std::vector<int>{1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(first["verdict"], "row 1 has two of 2");
  EXPECT_EQ(first["right"], false);
  for (const int32_t token : whole.tokens) EXPECT_TRUE(data["looks"].contains(std::to_string(token)));
}

TEST(PuzzlePage, ShowsAnInputThatTheAnswerDoesNotHold) {
  const auto kind = puzzle_kind("arc", 12, 900);
  PagePuzzle shown;
  shown.puzzle =
      read(*kind,
           R"({"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[1, 2, 3]], "output": [[7], [8]]}]})");
  shown.steps = {{shown.puzzle.answer, 0}};
  const auto data = data_of(puzzle_page(*kind, "Title", {shown}));
  EXPECT_EQ(data["puzzles"][0]["input"], nlohmann::json::parse(R"({"rows": 1, "columns": 3, "cells": [3, 4, 5]})"));
  EXPECT_EQ(data["puzzles"][0]["rows"], 2);
  EXPECT_EQ(data["puzzles"][0]["columns"], 1);
  EXPECT_EQ(data["looks"]["9"]["colour"], "#ff851b");
}

}  // namespace
}  // namespace trm::testing
