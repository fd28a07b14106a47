// Stopping and resuming gives the numbers of never stopping, bit for bit, with the real program.
#include <hdf5.h>

#include <cstring>

#include "tests/checkpoint/reseal.h"
#include "tests/pretrain/run_program.h"

namespace trm {
namespace {

using namespace testing;

void set_format_version(const fs::path& file, int64_t version) {
  const hid_t opened = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT),
              attribute = H5Aopen(opened, "format_version", H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_INT64, &version);
  H5Aclose(attribute);
  H5Fclose(opened);
  reseal(file);
}

class Resume : public PretrainTest {
 protected:
  /// 20 steps = 10, kill -9 after the checkpoint, and 10 more.
  void expect_exact_after_kill(const Arguments& arguments) {
    const Arguments two_threads = {"OMP_NUM_THREADS=2"};
    const Result unbroken = run(arguments + Arguments{"checkpoint_path=unbroken", "max_steps=20"}, two_threads);
    ASSERT_EQ(unbroken.status, 0) << unbroken.output;
    {
      Child child(bin_dir() / "pretrain", arguments + Arguments{"checkpoint_interval=10", "epochs=100"}, folder_.path(),
                  two_threads);
      ASSERT_TRUE(child.until([&] { return fs::exists(folder_ / "run/step_10.h5"); })) << child.output();
      child.signal(SIGKILL);
      child.wait();
    }
    for (const auto& entry : fs::directory_iterator(folder_ / "run"))  // it may have come further before it was killed
      if (entry.path().extension() == ".h5" && entry.path().filename() != "step_10.h5") fs::remove(entry.path());
    const Result resumed = run(arguments + Arguments{"max_steps=20", "resume=auto"}, two_threads);
    ASSERT_EQ(resumed.status, 0) << resumed.output;
    EXPECT_TRUE(resumed.says("Resuming from run/step_10.h5 at step 10")) << resumed.output;
    expect_same_state(load("unbroken/step_20.h5"), load("run/step_20.h5"));
    expect_same_metrics("unbroken", "run");
  }

  /// Every line of metrics once, with the same numbers but for the speed.
  void expect_same_metrics(const std::string& a, const std::string& b) {
    auto first = metrics(a), second = metrics(b);
    ASSERT_EQ(first.size(), second.size());
    for (size_t i = 0; i < first.size(); ++i) {
      first[i].erase("train/tokens_per_second");
      second[i].erase("train/tokens_per_second");
      EXPECT_EQ(first[i], second[i]);
    }
  }
};

TEST_F(Resume, ChatWithAccumulationAfterKill) {
  make_chat(23);  // batches run on across epochs
  expect_exact_after_kill(
      chat() + Arguments{"gradient_accumulation_steps=3", "ema=True", "log_interval=3", "grad_clip_norm=1.0"});
}

TEST_F(Resume, PuzzlesWithCarryAfterKill) {
  make_puzzles();
  expect_exact_after_kill(puzzles() + Arguments{"arch.forward_dtype=bfloat16"});
  const auto saved = load("run/step_10.h5");
  const auto steps = saved.arrays.at("carry/steps").as<int32_t>();
  EXPECT_TRUE(std::any_of(steps.begin(), steps.end(), [](int32_t s) { return s > 1; }))
      << "the carry was empty: nothing was tested";
}

// Earlier versions stored the carry as float32, which holds bfloat16 exactly.
TEST_F(Resume, ACheckpointOfAnEarlierVersionGoesOnExactly) {
  make_puzzles();
  const Arguments arguments = puzzles() + Arguments{"arch.forward_dtype=bfloat16"};
  ASSERT_EQ(run(arguments + Arguments{"max_steps=8", "checkpoint_path=unbroken"}).status, 0);
  ASSERT_EQ(run(arguments + Arguments{"max_steps=4"}).status, 0);
  auto saved = load("run/step_4.h5");
  for (auto& [name, array] : saved.arrays)
    if (array.type == checkpoint::ArrayType::bfloat16) {
      std::vector<float> wide(static_cast<size_t>(array.count()));
      for (size_t i = 0; i < wide.size(); ++i)
        std::memcpy(reinterpret_cast<char*>(&wide[i]) + 2, &array.bytes[2 * i], 2);
      array = checkpoint::Array::of<float>(array.shape, wide);
    }
  checkpoint::save(saved, folder_ / "run/step_4.h5");
  ASSERT_EQ(run(arguments + Arguments{"max_steps=8", "resume=auto"}).status, 0);
  expect_same_state(load("unbroken/step_8.h5"), load("run/step_8.h5"));
}

TEST_F(Resume, OtherOptimizerOtherHalting) {
  make_puzzles();
  expect_exact_after_kill(puzzles() + Arguments{"optimizer=adam_atan2", "arch.no_ACT_continue=False", "arch.mlp_t=True",
                                                "arch.pos_encodings=none", "gradient_accumulation_steps=2",
                                                "arch.forward_dtype=float32"});
}

TEST_F(Resume, MuonWithItsAverageFromAStepOn) {
  make_puzzles();
  expect_exact_after_kill(puzzles() + Arguments{"optimizer=muon", "muon_split_heads=True", "ema_start=12",
                                                "lr_warmup_steps=0", "lr_min_ratio=0", "grad_clip_norm=1.0",
                                                "arch.forward_dtype=float32"});
  const auto saved = load("run/step_20.h5");
  EXPECT_TRUE(
      saved.arrays.contains("optimizer/momentum_buffer/model.inner.L_level.layers.0.self_attn.qkv_proj.weight"));
  EXPECT_FALSE(saved.arrays.contains("optimizer/exp_avg/model.inner.L_level.layers.0.self_attn.qkv_proj.weight"));
  EXPECT_TRUE(saved.arrays.contains("optimizer/exp_avg/model.inner.lm_head.weight"));
}

TEST_F(Resume, EvaluationInTheMiddleOfAnAccumulatedStep) {
  // An epoch is 6 batches of 4, a step is 4 batches: epochs end within a step, and a checkpoint is saved there.
  make_chat(24);
  tiny_data(5).write(folder_ / "chat", "test");
  const Arguments arguments =
      chat() + Arguments{"gradient_accumulation_steps=4", "eval_interval=1", "checkpoint_every_eval=True", "ema=True"};
  ASSERT_EQ(run(arguments + Arguments{"checkpoint_path=unbroken", "max_steps=7"}).status, 0);
  const auto saved = load("unbroken/step_4.h5");
  EXPECT_EQ(saved.arrays.at("accumulation/pending").as<int64_t>()[0], 2);
  ASSERT_EQ(run(arguments + Arguments{"resume=unbroken/step_4.h5", "max_steps=7"}).status, 0);
  expect_same_state(load("unbroken/step_7.h5"), load("run/step_7.h5"));
}

TEST_F(Resume, TerminationSavesAndSaysHowToContinue) {
  make_puzzles();
  for (const int signal : {SIGTERM, SIGINT}) {
    const Arguments arguments = puzzles() + Arguments{"epochs=100000", "max_steps=20000"};
    fs::remove_all(folder_ / "run");
    Result stopped;
    {
      Child child(bin_dir() / "pretrain", arguments, folder_.path());
      ASSERT_TRUE(child.until([&] {
        return fs::exists(folder_ / "run/metrics.jsonl") && fs::file_size(folder_ / "run/metrics.jsonl") > 2000;
      })) << child.output();
      child.signal(signal);
      stopped = child.wait();
    }
    EXPECT_EQ(stopped.status, 128 + signal);
    EXPECT_TRUE(stopped.says("To continue:\n")) << stopped.output;
    EXPECT_TRUE(stopped.says("checkpoint_path=run resume=auto")) << stopped.output;
    const auto lines = metrics();
    const int64_t step = lines.back()["step"];
    EXPECT_EQ(load("run/step_" + std::to_string(step) + ".h5").step, step);
    const std::string stop_at = "max_steps=" + std::to_string(step + 5);
    ASSERT_EQ(run(arguments + Arguments{stop_at, "resume=auto"}).status, 0);
    ASSERT_EQ(run(arguments + Arguments{stop_at, "checkpoint_path=unbroken"}).status, 0);
    const std::string last = "/step_" + std::to_string(step + 5) + ".h5";
    expect_same_state(load("unbroken" + last), load("run" + last));
    expect_same_metrics("unbroken", "run");
    fs::remove_all(folder_ / "unbroken");
  }
}

TEST_F(Resume, AnyNumberOfWorkersGivesTheSame) {
  make_puzzles();
  for (const char* workers : {"0", "1", "3"})
    ASSERT_EQ(run(puzzles() + Arguments{"max_steps=8", std::string("num_workers=") + workers,
                                        std::string("checkpoint_path=w") + workers})
                  .status,
              0);
  expect_same_state(load("w0/step_8.h5"), load("w1/step_8.h5"));
  expect_same_state(load("w0/step_8.h5"), load("w3/step_8.h5"));
  // Stopped with one number, resumed with another.
  ASSERT_EQ(run(puzzles() + Arguments{"max_steps=3", "num_workers=2"}).status, 0);
  ASSERT_EQ(run(puzzles() + Arguments{"max_steps=8", "num_workers=0", "resume=auto"}).status, 0);
  expect_same_state(load("w0/step_8.h5"), load("run/step_8.h5"));
}

TEST_F(Resume, DamagedNewestFallsBackToAnOlderOne) {
  make_chat();
  ASSERT_EQ(run(chat() + Arguments{"max_steps=4", "checkpoint_interval=2"}).status, 0);
  fs::resize_file(folder_ / "run/step_4.h5", fs::file_size(folder_ / "run/step_4.h5") - 100);
  expect_error(chat() + Arguments{"max_steps=6", "resume=run/step_4.h5"}, {"run/step_4.h5", "cut short"});
  const Result resumed = run(chat() + Arguments{"max_steps=6", "resume=auto", "keep_last_n_checkpoints=2"});
  EXPECT_EQ(resumed.status, 0) << resumed.output;
  EXPECT_TRUE(resumed.says("Resuming from run/step_2.h5 at step 2")) << resumed.output;
  EXPECT_TRUE(resumed.says("cut short")) << resumed.output;
  EXPECT_TRUE(fs::exists(folder_ / "run/step_4.h5.damaged"));
  EXPECT_TRUE(fs::exists(folder_ / "run/step_6.h5"));
  EXPECT_TRUE(fs::exists(folder_ / "run/step_2.h5"));
  ASSERT_EQ(run(chat() + Arguments{"max_steps=6", "checkpoint_path=unbroken"}).status, 0);
  expect_same_state(load("unbroken/step_6.h5"), load("run/step_6.h5"));
}

TEST_F(Resume, ForeignAndNewerFilesAreNamed) {
  make_chat();
  ASSERT_EQ(run(chat() + Arguments{"max_steps=2"}).status, 0);
  write_file(folder_ / "foreign.h5", "no checkpoint");
  expect_error(chat() + Arguments{"resume=foreign.h5"}, {"foreign.h5", "not an HDF5 file"});
  expect_error(chat() + Arguments{"resume=absent.h5"},
               {"resume=absent.h5", "no such file", "auto, false or a checkpoint file"});
  expect_error(chat() + Arguments{"resume=run"}, {"resume=run is a folder", "resume=auto"});
  auto lacking = load("run/step_2.h5");
  lacking.arrays.erase("loader/cursor");
  checkpoint::save(lacking, folder_ / "lacking.h5");
  expect_error(chat() + Arguments{"resume=lacking.h5"}, {"lacking.h5", "loader/cursor", "load_checkpoint="});
  fs::copy_file(folder_ / "run/step_2.h5", folder_ / "newer.h5");
  set_format_version(folder_ / "newer.h5", 99);
  expect_error(chat() + Arguments{"resume=newer.h5"}, {"newer.h5", "newer version"});
  EXPECT_EQ(metrics().size(), 2u) << "the run that was there is untouched";
  EXPECT_TRUE(fs::exists(folder_ / "run/step_2.h5"));
}

TEST_F(Resume, AnotherConfigurationIsNamed) {
  make_chat();
  make_puzzles();
  ASSERT_EQ(run(chat() + Arguments{"max_steps=2"}).status, 0);
  expect_error(chat() + Arguments{"max_steps=4", "resume=auto", "global_batch_size=8", "arch.hidden_size=64"},
               {"global_batch_size: 4 in the checkpoint, 8 here", "arch.hidden_size: 32 in the checkpoint, 64 here",
                "load_checkpoint=run/step_2.h5"});
  Synthetic wider = tiny_data(24);
  wider.metadata.vocab_size = 20;
  wider.write(folder_ / "wider");
  expect_error(chat() + Arguments{"max_steps=4", "resume=auto", "data_paths=[wider]"},
               {"vocab_size: 16 in the checkpoint, 20 in the data"});
  tiny_data(25).write(folder_ / "longer");
  expect_error(chat() + Arguments{"max_steps=4", "resume=auto", "data_paths=[longer]"}, {"another"});
  const Result changed = run(chat() + Arguments{"max_steps=4", "resume=auto", "lr=1e-5", "log_interval=2"});
  EXPECT_EQ(changed.status, 0) << changed.output;
  EXPECT_TRUE(changed.says("changed since the checkpoint: lr: ")) << changed.output;
  EXPECT_FALSE(changed.says("log_interval")) << changed.output;
  const Result threads = run(chat() + Arguments{"max_steps=5", "resume=auto", "lr=1e-5"}, {"OMP_NUM_THREADS=2"});
  EXPECT_TRUE(threads.says("made with 1 threads, this run has 2")) << threads.output;
}

TEST_F(Resume, WithoutANameTheLatestRunOfTheProjectGoesOn) {
  make_chat();
  const Arguments named = chat() + Arguments{"~checkpoint_path", "max_steps=2"};
  ASSERT_EQ(run(named + Arguments{"resume=auto"}).status, 0);
  const Result resumed = run(named + Arguments{"max_steps=4", "resume=auto"});
  EXPECT_EQ(resumed.status, 0) << resumed.output;
  EXPECT_TRUE(resumed.says("at step 2")) << resumed.output;
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "checkpoints/chat"), {}), 1);
  const Result done = run(named + Arguments{"max_steps=4", "resume=auto"});
  EXPECT_TRUE(done.says("Nothing is left to do")) << done.output;
  EXPECT_EQ(done.status, 0);
}

}  // namespace
}  // namespace trm
