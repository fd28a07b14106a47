#include "puzzles/arc/augmentation.h"
#include "puzzles/arc/task.h"
#include "puzzles/kinds.h"
#include "tests/data/folders.h"

namespace trm {
namespace {

using Tokens = std::vector<int32_t>;

const std::string pair = R"({"input": [[1, 2]], "output": [[3]]})";
std::string task(const std::string& train, const std::string& test) {
  return "{\"train\": [" + train + "], \"test\": [" + test + "]}";
}
std::vector<ArcTask> read(const std::string& text) { return read_arc_tasks(text, "p"); }

TEST(ArcGrid, OnItsCanvasAndBack) {
  const ArcGrid grid{2, 3, {0, 1, 2, 9, 8, 7}};
  Tokens canvas(900);
  put_on_canvas<int32_t>(grid, 1, 2, canvas);
  const auto row = [&](int r) { return Tokens(canvas.begin() + r * 30, canvas.begin() + r * 30 + 7); };
  EXPECT_EQ(row(0), (Tokens{0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(row(1), (Tokens{0, 0, 2, 3, 4, 1, 0}));
  EXPECT_EQ(row(2), (Tokens{0, 0, 11, 10, 9, 1, 0}));
  EXPECT_EQ(row(3), (Tokens{0, 0, 1, 1, 1, 0, 0}));
  int top = 0, left = 0;
  EXPECT_EQ(find_on_canvas(canvas, top, left), grid);
  EXPECT_EQ(top, 1);
  EXPECT_EQ(left, 2);
  EXPECT_EQ(crop_canvas(canvas), ArcGrid{});
  put_on_canvas<int32_t>(grid, 0, 0, canvas);
  EXPECT_EQ(crop_canvas(canvas), grid);
  canvas[1] = 1;  // a border within the first row: two rows of one cell are the largest rectangle
  EXPECT_EQ(crop_canvas(canvas), (ArcGrid{2, 1, {0, 9}}));
  const ArcGrid full{30, 30, std::vector<uint8_t>(900, 5)};
  put_on_canvas<int32_t>(full, 0, 0, canvas);
  EXPECT_EQ(canvas, Tokens(900, 7));
  EXPECT_EQ(crop_canvas(canvas), full);
}

TEST(ArcAugmentation, HasANameAndAnInverse) {
  SplitMix64 random(1);
  const ArcGrid grid{2, 3, {0, 1, 2, 3, 4, 5}};
  for (int i = 0; i < 50; ++i) {
    const ArcAugmentation drawn = ArcAugmentation::draw(random);
    EXPECT_EQ(drawn.colours[0], 0);
    EXPECT_EQ(drawn.undo(drawn.apply(grid)), grid);
    const auto [id, again] = parse_arc_name(arc_name("a|||b", drawn));
    EXPECT_EQ(id, "a|||b");
    EXPECT_EQ(again, drawn);
  }
  const ArcAugmentation turn{1, {0, 2, 1, 3, 4, 5, 6, 7, 8, 9}};
  EXPECT_EQ(arc_name("x", turn), "x|||t1|||0213456789");
  EXPECT_EQ(turn.apply(grid), (ArcGrid{3, 2, {1, 5, 2, 4, 0, 3}}));
  EXPECT_EQ(parse_arc_name("x"), std::pair(std::string("x"), ArcAugmentation{}));
  for (const char* bad : {"x|||t8|||0123456789", "x|||t1|||0123456788", "x|||t1|||012", "t1|||0123456789", "x|||"})
    EXPECT_ERROR_WITH(parse_arc_name(bad), bad);
}

TEST(ArcTasks, OneOrMany) {
  const std::vector<ArcTask> one = read(task(pair, R"({"input": [[5]]})"));
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].id, "p");
  EXPECT_EQ(one[0].train[0].input, (ArcGrid{1, 2, {1, 2}}));
  EXPECT_FALSE(one[0].test[0].output);
  std::vector<ArcTask> many =
      read("{\"b\": " + task(pair, R"({"input": [[5]]})") + ", \"a\": " + task(pair, pair) + "}");
  ASSERT_EQ(many.size(), 2u);
  EXPECT_EQ(many[0].id, "b");
  add_arc_solutions(many, R"({"a": [[[3]]], "b": [[[7, 7]]], "c": []})", "s");
  EXPECT_EQ(many[0].test[0].output, (ArcGrid{1, 2, {7, 7}}));
  EXPECT_EQ(arc_json(many[0]),
            R"({"train":[{"input":[[1,2]],"output":[[3]]}],"test":[{"input":[[5]],"output":[[7,7]]}]})");
  EXPECT_ERROR_WITH(add_arc_solutions(many, R"({"a": [[[3]]]})", "s"), "s, task 'b'", "missing");
  EXPECT_ERROR_WITH(add_arc_solutions(many, R"({"a": [[[3]]], "b": [[[7]], [[8]]]})", "s"), "task 'b'",
                    "2 solutions for 1");
  EXPECT_ERROR_WITH(add_arc_solutions(many, R"({"a": [[[4]]], "b": [[[7, 7]]]})", "s"), "task 'a', solution 1",
                    "another");
}

TEST(ArcTasks, ErrorsNameThePlace) {
  const auto grid = [](const std::string& text) { return task("{\"input\": " + text + ", \"output\": [[1]]}", pair); };
  EXPECT_ERROR_WITH(read(grid("[[1, 2], [3]]")), "p, train pair 1, input, row 2", "1 cells", "above 2");
  EXPECT_ERROR_WITH(read(grid("[]")), "empty");
  EXPECT_ERROR_WITH(read(grid("[[]]")), "row 1", "empty");
  EXPECT_ERROR_WITH(read(grid("[[1, 10]]")), "row 1, column 2", "10", "0 to 9");
  EXPECT_ERROR_WITH(read(grid("[[1, -1]]")), "-1");
  EXPECT_ERROR_WITH(read(grid("[[1, 1.5]]")), "1.5");
  EXPECT_ERROR_WITH(read(grid("[[1, \"2\"]]")), "\"2\"");
  EXPECT_ERROR_WITH(read(grid("7")), "list of rows");
  std::string tall = "[[1]", wide = "[[1";
  for (int i = 0; i < 30; ++i) tall += ",[1]", wide += ",1";
  EXPECT_ERROR_WITH(read(grid(tall + "]")), "31 rows", "30");
  EXPECT_ERROR_WITH(read(grid(wide + "]]")), "31 cells", "30");
  EXPECT_ERROR_WITH(read(R"({"t": {"train": [)" + pair + "]}}"), "task 't'", "no 'test'");
  EXPECT_ERROR_WITH(read(task(pair, "")), "'test' holds no pairs");
  EXPECT_ERROR_WITH(read(task(R"({"input": [[1]]})", pair)), "train pair 1", "no 'output'");
  EXPECT_ERROR_WITH(read("{\"train\": "), "malformed JSON", "line 1");
  EXPECT_ERROR_WITH(read("[]"), "not a JSON object");
  EXPECT_ERROR_WITH(read("{}"), "no tasks");
  EXPECT_ERROR_WITH(read("{\"a\": 3}"), "task 'a'", "3");
  EXPECT_ERROR_WITH(read("{\"a\": 1e999}"), "p");
}

TEST(ArcKind, ReadsTestInputsAndJudgesByTheOutput) {
  const auto kind = puzzle_kind("", 12, 900);
  const std::vector<Puzzle> puzzles = kind->read(task(pair, pair + R"(, {"input": [[5]]})"), "p");
  ASSERT_EQ(puzzles.size(), 2u);
  EXPECT_EQ(puzzles[1].name, "p, test input 2");
  EXPECT_EQ(puzzles[0].tokens[1], 4);
  Tokens answer(900);
  put_on_canvas<int32_t>(ArcGrid{1, 1, {3}}, 0, 0, answer);
  EXPECT_EQ(kind->broken_rule(puzzles[0], answer), "");
  EXPECT_EQ(kind->write(puzzles[0], answer), "[[3]]\n");
  put_on_canvas<int32_t>(ArcGrid{1, 1, {4}}, 0, 0, answer);
  EXPECT_EQ(kind->broken_rule(puzzles[0], answer), "1 of 1 cells differ from the task's output");
  EXPECT_EQ(kind->broken_rule(puzzles[1], answer), "");
  put_on_canvas<int32_t>(ArcGrid{1, 2, {3, 3}}, 0, 0, answer);
  EXPECT_EQ(kind->broken_rule(puzzles[0], answer), "the answer is 1 × 2, the task's output is 1 × 1");
  EXPECT_EQ(kind->broken_rule(puzzles[0], Tokens(900, 0)), "the answer holds no grid");
  EXPECT_ERROR_WITH(kind->read(" \n", "p"), "empty", "JSON");
}

}  // namespace
}  // namespace trm
