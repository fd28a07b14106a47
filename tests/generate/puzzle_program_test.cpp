// generate --puzzle as a user runs it, on tiny models: many puzzles, faults of the puzzle itself, steps and pages.
#include <nlohmann/json.hpp>
#include <sstream>

#include "puzzles/kinds.h"
#include "tests/generate/tiny_checkpoints.h"

namespace trm {
namespace {

using testing::Outcome;
using testing::quoted;
using testing::TinyModel;

class GeneratePuzzles : public ::testing::Test {
 protected:
  Outcome solve(const std::string& arguments, const std::string& input = "") {
    return testing::generate(folder_.path(), "--checkpoint " + quoted(file_.string()) + " --device cpu " + arguments,
                             input);
  }
  /// A model of 4 × 4 sudokus.
  void save_small_sudoku() {
    TinyModel tiny = TinyModel::sudoku();
    tiny.data.seq_len = 16;
    tiny.data.puzzle_kind = "sudoku";
    tiny.save(file_);
  }
  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> all;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) all.push_back(line);
    return all;
  }

  testing::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "run/step_7.h5";
};

const std::string one = "1..2..1..1..2..1", several = "1...............", none = "11..............";

TEST_F(GeneratePuzzles, SaysWhatTheRulesSayBeforeTheModelIsAsked) {
  save_small_sudoku();
  const auto kind = puzzle_kind("sudoku", 11, 16);
  for (const auto& [puzzle, count, part] :
       {std::tuple{several, Answers::several, "has several solutions"}, {none, Answers::none, "has no solution"}}) {
    ASSERT_EQ(kind->solutions(kind->read(puzzle, "test").at(0).tokens).count, count);
    const Outcome run = solve("--puzzle " + puzzle);
    EXPECT_EQ(run.status, 0) << run.err;
    EXPECT_TRUE(run.says(part)) << run.err;
    EXPECT_LT(run.err.find(part), run.err.find("The model is")) << run.err;
    EXPECT_TRUE(run.says("The solution breaks the rules: ")) << run.err;
  }
}

TEST_F(GeneratePuzzles, ManyPuzzlesInBatchesWithASummary) {
  save_small_sudoku();
  std::string text;
  std::vector<std::string> alone;
  for (int i = 0; i < 40; ++i) {
    std::string puzzle(16, '.');
    puzzle[static_cast<size_t>(i % 16)] = static_cast<char>('1' + i % 4);
    text += puzzle + "\n";
    if (i % 13 == 0) alone.push_back(solve("--puzzle " + puzzle).out);
  }
  testing::write_file(folder_ / "many.txt", text + none + "\n");
  const Outcome run = solve("--puzzle " + quoted((folder_ / "many.txt").string()));
  ASSERT_EQ(run.status, 0) << run.err;
  const auto answers = lines(run.out);
  ASSERT_EQ(answers.size(), 41u);
  for (size_t i = 0; i < alone.size(); ++i) EXPECT_EQ(answers[13 * i] + "\n", alone[i]);
  EXPECT_TRUE(run.says("Answered 41 puzzles in ")) << run.err;
  EXPECT_TRUE(run.says(" of 41 right, ")) << run.err;
  EXPECT_TRUE(run.says("1 without a solution")) << run.err;
  EXPECT_FALSE(run.says("The model is")) << "a line for each is too much: " << run.err;

  testing::write_file(folder_ / "bad.txt", text + "1..\n");
  const Outcome bad = solve("--puzzle " + quoted((folder_ / "bad.txt").string()));
  EXPECT_EQ(bad.status, 1);
  EXPECT_TRUE(bad.says("bad.txt', line 41")) << bad.err;
  EXPECT_EQ(bad.out, "") << "nothing is answered before all is read";
}

TEST_F(GeneratePuzzles, TraceAndPage) {
  save_small_sudoku();
  const std::filesystem::path page = folder_ / "page.html";
  const Outcome run = solve("--steps 5 --trace --html " + quoted(page.string()) + " --puzzle " + one);
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out.find('\x1b'), std::string::npos) << "no colours in a file";
  for (int step = 1; step <= 5; ++step)
    EXPECT_NE(run.out.find("step " + std::to_string(step) + ": "), std::string::npos) << run.out;
  EXPECT_NE(run.out.find('*'), std::string::npos) << "nothing is marked: " << run.out;
  EXPECT_EQ(lines(run.out).back() + "\n", solve("--steps 5 --puzzle " + one).out) << "the answer is the last line";
  EXPECT_TRUE(run.says("after 5 supervision steps")) << run.err;
  const std::string text = testing::read_file(page), before = "const data = ";
  const size_t start = text.find(before) + before.size();
  const auto data = nlohmann::json::parse(text.substr(start, text.find(";\n", start) - start));
  EXPECT_EQ(data["puzzles"][0]["steps"].size(), 5u);
  EXPECT_EQ(solve("--html " + quoted((folder_ / "no/such/page.html").string()) + " --puzzle " + one).status, 1);
}

TEST_F(GeneratePuzzles, SearchIsRepeatable) {
  save_small_sudoku();
  const std::string search = "--steps 4 --rollouts 3 --noise 0.5 --views 4 --select vote --puzzle " + one;
  const Outcome run = solve(search);
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(run.says("of 12 attempts")) << run.err;
  EXPECT_EQ(solve(search).out, run.out);
  const auto refused = [&](const std::string& arguments, const std::string& part) {
    const Outcome wrong = solve(arguments + " --puzzle " + one);
    EXPECT_EQ(wrong.status, 1);
    EXPECT_TRUE(wrong.says(part)) << wrong.err;
  };
  refused("--select first", "--halt q");
  refused("--select best", "first, q, vote or residual");
  refused("--halt never", "q or max");
  refused("--noise -1", "--noise takes a number of at least 0");
  refused("--rollouts 0", "--rollouts takes an integer from 1");
}

TEST_F(GeneratePuzzles, ArcTasksAreVotedOn) {
  TinyModel tiny = TinyModel::sudoku();
  tiny.data.seq_len = 900;
  tiny.data.vocab_size = 12;
  tiny.data.puzzle_kind = "arc";
  const std::filesystem::path data = folder_ / "data";
  tiny.settings.data_paths = {data.string()};
  tiny.save(file_);
  const std::string task = R"({"train": [{"input": [[1]], "output": [[2]]}],
    "test": [{"input": [[1, 2], [3, 4]], "output": [[5]]}, {"input": [[7]]}]})";
  testing::write_file(folder_ / "task.json", task);
  const std::string asked = "--steps 1 --puzzle " + quoted((folder_ / "task.json").string());
  const Outcome run = solve(asked + " --views 3");
  ASSERT_EQ(run.status, 0) << run.err;
  ASSERT_EQ(lines(run.out).size(), 2u) << "a line a test input: " << run.out;
  for (const std::string& line : lines(run.out)) EXPECT_TRUE(nlohmann::json::parse(line).is_array()) << line;
  EXPECT_TRUE(run.says("test input 2")) << run.err;
  EXPECT_TRUE(run.says("of 3 attempts")) << run.err;
  EXPECT_TRUE(run.says("The solution breaks the rules: ")) << "the file tells the first output: " << run.err;

  testing::write_file(data / "test_puzzles.json", R"({"aa": )" + task + "}");
  testing::write_file(data / "identifiers.json", R"(["<blank>", "aa", "aa|||t1|||0213456789"])");
  const Outcome known = solve(asked);
  EXPECT_TRUE(known.says("of 2 attempts")) << "the task's own two augmentations: " << known.err;
  EXPECT_TRUE(known.says("Puzzle identifiers of 2 of 2 inputs")) << known.err;
}

}  // namespace
}  // namespace trm
