// Puzzles from nothing to an answer, with the programs as a user runs them.
#include "checkpoint/run_folder.h"
#include "tests/pretrain/run_program.h"

namespace trm {
namespace {

using namespace testing;

class Puzzles : public PretrainTest {
 protected:
  Result build(const Arguments& arguments) {
    return program("build_dataset", arguments + Arguments{"--output-dir", "data"});
  }
  Arguments small(const std::string& config, const Arguments& more = {}) {
    return Arguments{"--config-path",
                     (source_dir() / "config").string(),
                     "-cn",
                     config,
                     "data_paths=[data]",
                     "arch.hidden_size=64",
                     "arch.num_heads=2",
                     "arch.expansion=1",
                     "arch.forward_dtype=float32",
                     "arch.puzzle_emb_len=1",
                     "arch.loss.loss_type=softmax_cross_entropy",
                     "global_batch_size=32",
                     "checkpoint_path=run"} +
           more;
  }
};

TEST_F(Puzzles, SudokuFromNothingToASolvedBoard) {
  ASSERT_EQ(build({"sudoku", "--size", "4", "--generate", "2000", "--test", "64"}).status, 0);
  const Result trained = run(small("cfg_sudoku_small", {"epochs=4", "eval_interval=4", "lr=3e-3", "lr_warmup_steps=10",
                                                        "ema_rate=0.9", "arch.H_cycles=1", "arch.halt_max_steps=4"}));
  ASSERT_EQ(trained.status, 0) << trained.output;
  double exact = 0;
  for (const auto& line : metrics())
    if (line.contains("all/exact_accuracy")) exact = line["all/exact_accuracy"].get<double>();
  EXPECT_GT(exact, 0.9) << "of boards that it has not seen";

  const checkpoint::Checkpoint saved = checkpoint::load(*checkpoint::newest_whole(folder_ / "run"));
  EXPECT_NE(saved.config_yaml.find("puzzle_kind: sudoku"), std::string::npos);
  EXPECT_NE(saved.config_yaml.find("augment: sudoku"), std::string::npos);
  const Result solved = program("generate", {"--checkpoint", "run", "--puzzle", "1.34\n34.2\n2143\n.321\n"});
  EXPECT_EQ(solved.status, 0) << solved.output;
  EXPECT_TRUE(solved.says("1234\n3412\n2143\n4321\n")) << solved.output;
}

TEST_F(Puzzles, MazesTrainAndAnswer) {
  ASSERT_EQ(build({"maze", "--size", "5", "--min-path", "3", "--generate", "64", "--test", "16"}).status, 0);
  const Result trained =
      run(small("cfg_maze", {"epochs=10", "eval_interval=10", "max_steps=10", "arch.H_cycles=1", "augment=dihedral"}));
  ASSERT_EQ(trained.status, 0) << trained.output;
  const Result solved = program("generate", {"--checkpoint", "run", "--puzzle", "S    ##G                 "});
  EXPECT_EQ(solved.status, 0) << solved.output;
  EXPECT_TRUE(solved.says("The solution ")) << solved.output;
  expect_error(small("cfg_maze", {"augment=sudoku", "checkpoint_path=other"}),
               {"augment: sudoku does not fit", "maze of 5 × 5", "none or dihedral"});
}

TEST_F(Puzzles, ResumedRunsDrawTheSameSymmetries) {
  ASSERT_EQ(build({"sudoku", "--size", "4", "--generate", "64"}).status, 0);
  const Arguments same = {"epochs=100", "eval_interval=100", "arch.H_cycles=1", "arch.L_layers=1",
                          "arch.halt_max_steps=2"};
  const Arguments whole = small("cfg_sudoku_small", same) + Arguments{"max_steps=8", "checkpoint_path=whole"};
  ASSERT_EQ(run(whole).status, 0);
  ASSERT_EQ(run(small("cfg_sudoku_small", same) + Arguments{"max_steps=3"}).status, 0);
  const Result resumed =
      run(small("cfg_sudoku_small", same) + Arguments{"max_steps=8", "resume=auto", "num_workers=2"});
  ASSERT_EQ(resumed.status, 0) << resumed.output;
  expect_same_state(load("whole/step_8.h5"), load("run/step_8.h5"));
  const Result other = run(small("cfg_sudoku_small", same) + Arguments{"max_steps=9", "resume=auto", "augment=none"});
  EXPECT_EQ(other.status, 1);
  EXPECT_TRUE(other.says("augment: sudoku in the checkpoint, none here")) << other.output;
}

TEST_F(Puzzles, AMissingFolderSaysWhatMakesIt) {
  expect_error(
      {"--config-path", (source_dir() / "config").string(), "arch=trm", "data_paths=[data/arc1concept-aug-1000]"},
      {"'data/arc1concept-aug-1000' does not exist", "build_dataset arc --input-file-prefix",
       "--subsets training evaluation concept --test-set-name evaluation", "--output-dir data/arc1concept-aug-1000"});
  expect_error(small("cfg_sudoku", {"data_paths=[my-sudoku]"}),
               {"build_dataset sudoku --generate", "--output-dir my-sudoku"});
}

}  // namespace
}  // namespace trm
