// pretrain in several processes, as launchers start it: on cpu, by Open MPI.
#include <cmath>

#include "tests/pretrain/run_program.h"

namespace trm {
namespace {

using namespace testing;

class Processes : public PretrainTest {
 protected:
  void SetUp() override {
    const char* found = std::getenv("TRM_TEST_MPIRUN");
    if (!found || !fs::exists(found))
      GTEST_SKIP() << "Open MPI is not here (libopenmpi-dev openmpi-bin): nothing of it was tested";
    mpirun_ = found;
  }
  static Arguments environment(const Arguments& more = {}) {
    return Arguments{"OMPI_MCA_btl_vader_single_copy_mechanism=none", "OMPI_MCA_mpi_yield_when_idle=1",
                     "TRM_RANK_TIMEOUT=20", "TRM_JOIN_TIMEOUT=60"} +
           more;
  }
  Arguments mpi(int processes) const {
    return {"--oversubscribe",
            "--allow-run-as-root",
            "--bind-to",
            "none",
            "-n",
            std::to_string(processes),
            (bin_dir() / "pretrain").string()};
  }
  Result run_on(int processes, const Arguments& arguments, const Arguments& more = {}) {
    return Child(mpirun_, mpi(processes) + arguments, folder_.path(), environment(more)).wait();
  }
  std::unique_ptr<Child> start_on(int processes, const Arguments& arguments, const Arguments& more = {}) {
    return std::make_unique<Child>(mpirun_, mpi(processes) + arguments, folder_.path(), environment(more));
  }
  /// The process of this test that has a rank, or 0.
  pid_t process_of(int rank) const {
    const std::string wanted = "OMPI_COMM_WORLD_RANK=" + std::to_string(rank);
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::error_code error;
      if (fs::read_symlink(entry.path() / "cwd", error) != fs::canonical(folder_.path()) || error) continue;
      if (fs::read_symlink(entry.path() / "exe", error).filename() != "pretrain" || error) continue;
      const std::string variables = read_file(entry.path() / "environ");
      if ((std::string(1, '\0') + variables).find(std::string(1, '\0') + wanted + std::string(1, '\0')) !=
          std::string::npos)
        return std::stoi(entry.path().filename().string());
    }
    return 0;
  }
  /// A long run on two processes that has come some steps far.
  std::unique_ptr<Child> long_run(const Arguments& more = {}) {
    make_puzzles();
    auto child = start_on(
        2, wide() + Arguments{"epochs=100000", "max_steps=1000000", "checkpoint_interval=5", "eval_interval=100000"},
        more);
    EXPECT_TRUE(child->until([&] { return fs::exists(folder_ / "run/step_5.h5"); })) << child->output();
    return child;
  }
  Arguments wide() const {
    return puzzles() + Arguments{"global_batch_size=8", "arch.forward_dtype=float32", "evaluators=[]"};
  }
  std::vector<double> values(const std::string& run, const std::string& name) {
    std::vector<double> all;
    for (const auto& line : metrics(run))
      if (line.contains(name) && !line[name].is_null()) all.push_back(line[name]);
    return all;
  }
  void expect_same_curve(const std::string& run, const std::string& as, std::initializer_list<const char*> names) {
    for (const char* name : names) {
      const auto expected = values(as, name), here = values(run, name);
      ASSERT_FALSE(expected.empty()) << name;
      ASSERT_EQ(here.size(), expected.size()) << name << " in " << run;
      for (size_t i = 0; i < here.size(); ++i)
        EXPECT_NEAR(here[i], expected[i], 1e-4 * std::max(1.0, std::abs(expected[i])))
            << name << " " << i << " in " << run;
    }
  }
  fs::path mpirun_;
};

TEST_F(Processes, HaveTheCurveOfOne) {
  make_puzzles();
  tiny_data(8).write(folder_ / "puzzles", "test");
  const std::map<std::string, Arguments> cases{
      {"carry", wide() + Arguments{"max_steps=20", "eval_interval=2"}},
      {"accumulated", wide() + Arguments{"max_steps=20", "gradient_accumulation_steps=2", "arch.no_ACT_continue=False",
                                         "log_interval=1", "eval_interval=5"}}};
  for (const auto& [name, arguments] : cases) {
    for (const int processes : {1, 2, 4}) {
      const std::string folder = name + std::to_string(processes);
      const Result result = run_on(processes, arguments + Arguments{"checkpoint_path=" + folder});
      ASSERT_EQ(result.status, 0) << result.output;
      if (processes == 1) continue;
      EXPECT_TRUE(result.says("Distributed: " + std::to_string(processes) + " processes (")) << result.output;
      EXPECT_TRUE(result.says("MPI (")) << "transport: " << result.output;
      expect_same_curve(folder, name + "1",
                        {"train/lm_loss", "train/q_halt_loss", "train/steps", "train/grad_norm", "train/lr",
                         "all/lm_loss", "all/accuracy", "all/exact_accuracy", "all/count"});
      const auto one = load(name + "1/step_20.h5"), here = load(folder + "/step_20.h5");
      ASSERT_EQ(here.arrays.size(), one.arrays.size());
      for (const auto& [array, content] : one.arrays) {
        ASSERT_TRUE(here.arrays.contains(array)) << array;
        EXPECT_EQ(here.arrays.at(array).shape, content.shape) << array << ": a checkpoint is one process's";
      }
      EXPECT_TRUE(here.arrays.at("carry/steps") == one.arrays.at("carry/steps"));
      EXPECT_TRUE(here.arrays.at("carry/data_inputs") == one.arrays.at("carry/data_inputs"));
      EXPECT_TRUE(here.arrays.at("loader/cursor") == one.arrays.at("loader/cursor"));
    }
  }
}

TEST_F(Processes, ChatHasTheCurveOfOneAndRepeatsItsBits) {
  make_chat(48);
  tiny_data(9).write(folder_ / "chat", "test");
  const Arguments arguments =
      chat() + Arguments{"max_steps=20", "gradient_accumulation_steps=3", "ema=True", "eval_interval=2"};
  for (const auto& [folder, processes] : {std::pair{"one", 1}, std::pair{"two", 2}, std::pair{"again", 2}}) {
    const Result result = run_on(processes, arguments + Arguments{std::string("checkpoint_path=") + folder});
    ASSERT_EQ(result.status, 0) << result.output;
  }
  expect_same_curve("two", "one", {"train/lm_loss", "train/accuracy", "all/lm_loss", "all/count"});
  expect_same_state(load("two/step_20.h5"), load("again/step_20.h5"));
}

TEST_F(Processes, ResumeWithAnotherNumber) {
  make_puzzles();
  const Arguments arguments = wide() + Arguments{"gradient_accumulation_steps=2"};
  ASSERT_EQ(run_on(1, arguments + Arguments{"max_steps=16", "checkpoint_path=unbroken1"}).status, 0);
  ASSERT_EQ(run_on(2, arguments + Arguments{"max_steps=16", "checkpoint_path=unbroken2"}).status, 0);
  for (const auto& [folder, before, after] : {std::tuple{"a", 1, 4}, std::tuple{"b", 4, 1}, std::tuple{"c", 2, 2}}) {
    const Arguments here = arguments + Arguments{std::string("checkpoint_path=") + folder};
    ASSERT_EQ(run_on(before, here + Arguments{"max_steps=8"}).status, 0);
    const Result resumed = run_on(after, here + Arguments{"max_steps=16", "resume=auto"});
    ASSERT_EQ(resumed.status, 0) << resumed.output;
    EXPECT_TRUE(resumed.says("at step 8")) << resumed.output;
    expect_same_curve(folder, "unbroken1", {"train/lm_loss", "train/q_halt_loss"});
  }
  expect_same_state(load("c/step_16.h5"), load("unbroken2/step_16.h5"));
}

TEST_F(Processes, SavedOutputsAreThoseOfOne) {
  make_puzzles();
  tiny_data(8).write(folder_ / "puzzles", "test");
  const Arguments arguments =
      wide() + Arguments{"max_steps=2", "lr=0", "puzzle_emb_lr=0",
                         "eval_save_outputs=[inputs,labels,puzzle_identifiers,preds,logits,q_halt_logits]"};
  for (const int processes : {1, 4})
    ASSERT_EQ(run_on(processes, arguments + Arguments{"checkpoint_path=of" + std::to_string(processes)}).status, 0);
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "of1/step_2_outputs")) {
    const fs::path other = folder_ / "of4/step_2_outputs" / entry.path().filename();
    ASSERT_TRUE(fs::exists(other)) << other;
    if (entry.path().filename().string().find("logits") == std::string::npos)
      EXPECT_EQ(read_file(entry.path()), read_file(other)) << other;
    else
      EXPECT_EQ(fs::file_size(entry.path()), fs::file_size(other)) << other;
    ++files;
  }
  EXPECT_EQ(files, 6);
}

TEST_F(Processes, OnlyTheFirstSpeaks) {
  make_chat();
  const Result result = run_on(2, chat() + Arguments{"max_steps=4"});
  ASSERT_EQ(result.status, 0) << result.output;
  for (const char* once :
       {"Using device: cpu", "Run folder: run", "Saved run/step_4.h5", "Done: step 4", "rank 0 of 2"}) {
    const size_t first = result.output.find(once);
    ASSERT_NE(first, std::string::npos) << once << " in: " << result.output;
    EXPECT_EQ(result.output.find(once, first + 1), std::string::npos) << once << " in: " << result.output;
  }
  EXPECT_EQ(metrics().size(), 4u);
}

TEST_F(Processes, AKilledRankEndsAllAndIsNamed) {
  auto child = long_run();
  const pid_t rank = process_of(1);
  ASSERT_GT(rank, 0) << child->output();
  const auto start = std::chrono::steady_clock::now();
  ::kill(rank, SIGKILL);
  const Result result = child->wait();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  EXPECT_NE(result.status, 0);
  EXPECT_TRUE(result.says("rank 1 (")) << result.output;
  EXPECT_TRUE(result.says("was lost at step ")) << result.output;
  EXPECT_TRUE(result.says("its connection closed without a word")) << result.output;
  for (const auto& entry : fs::directory_iterator(folder_ / "run"))
    if (entry.path().extension() == ".h5") EXPECT_NO_THROW(checkpoint::verify(entry.path())) << entry.path();
  EXPECT_EQ(run_on(2, wide() + Arguments{"resume=auto", "epochs=100000", "max_steps=7", "eval_interval=100000"}).status,
            0);
}

TEST_F(Processes, AStoppedRankEndsAllAndIsNamed) {
  for (const int rank : {1, 0}) {
    fs::remove_all(folder_ / "run");
    auto child = long_run({"TRM_RANK_TIMEOUT=4"});
    const pid_t process = process_of(rank);
    ASSERT_GT(process, 0) << child->output();
    ::kill(process, SIGSTOP);
    const Result result = child->wait();
    EXPECT_NE(result.status, 0);
    EXPECT_TRUE(result.says("rank " + std::to_string(rank) + " (")) << result.output;
    EXPECT_TRUE(result.says("nothing was heard of it for 4 s")) << result.output;
    if (process_of(rank) == process) ::kill(process, SIGKILL);
  }
}

TEST_F(Processes, AStopSignalToOneRankSavesAndEndsAllWell) {
  for (const int rank : {1, 0}) {
    fs::remove_all(folder_ / "run");
    auto child = long_run();
    const pid_t process = process_of(rank);
    ASSERT_GT(process, 0) << child->output();
    ::kill(process, SIGTERM);
    const Result result = child->wait();
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_TRUE(result.says("Stopped by SIGTERM after step ")) << result.output;
    const int64_t step = metrics().back()["step"];
    EXPECT_EQ(load("run/step_" + std::to_string(step) + ".h5").step, step);
  }
}

TEST_F(Processes, AnErrorOnOneRankEndsAll) {
  make_chat();
  fs::create_directories(folder_ / "run");
  fs::create_directories(folder_ / "run/all_config.yaml");  // the first rank cannot write it
  const Result result = run_on(2, chat() + Arguments{"max_steps=4"});
  EXPECT_NE(result.status, 0);
  EXPECT_TRUE(result.says("error: rank 0 (")) << result.output;
  EXPECT_FALSE(result.says("error: rank 1 (")) << "one message: " << result.output;
}

TEST_F(Processes, WhatDoesNotFitIsRefusedByName) {
  make_chat();
  Synthetic shorter = tiny_data(23);
  shorter.metadata.num_puzzle_identifiers = 25;  // as the other: only the examples differ
  shorter.write(folder_ / "shorter");
  const std::string pretrain = (bin_dir() / "pretrain").string();
  const auto unlike = [&](const Arguments& first, const Arguments& second) {
    return Child(mpirun_,
                 Arguments{"--oversubscribe", "--allow-run-as-root", "-n", "1", pretrain} + first +
                     Arguments{":", "-n", "1", pretrain} + second,
                 folder_.path(), environment())
        .wait();
  };
  const Result configuration = unlike(chat() + Arguments{"max_steps=2"}, chat() + Arguments{"max_steps=2", "lr=0.5"});
  EXPECT_NE(configuration.status, 0);
  EXPECT_TRUE(configuration.says("the configuration differs: lr: ")) << configuration.output;
  EXPECT_TRUE(configuration.says("0.5 on rank 1")) << configuration.output;
  const Result data =
      unlike(chat() + Arguments{"max_steps=2"}, chat() + Arguments{"max_steps=2", "data_paths=[shorter]"});
  EXPECT_NE(data.status, 0);
  EXPECT_TRUE(
      data.says("the training data differs: 24 examples in 24 groups on rank 0, 23 examples in 23 groups on rank 1"))
      << data.output;
  const Result share = run_on(3, chat() + Arguments{"max_steps=2"});
  EXPECT_NE(share.status, 0);
  EXPECT_TRUE(share.says("error: rank 0 (")) << share.output;
  EXPECT_TRUE(share.says("global_batch_size 4 is not divisible by the 3 processes")) << share.output;
  EXPECT_FALSE(share.says("error: rank 1 (")) << "one message: " << share.output;
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(Processes, WithoutALauncher) {
  make_chat();
  const Arguments path = {"PATH=" + mpirun_.parent_path().string() + ":/usr/bin:/bin"};
  const Result result = run(chat() + Arguments{"--nproc-per-node", "2", "max_steps=3"}, environment(path));
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_TRUE(result.says("Distributed: 2 processes")) << result.output;
  EXPECT_EQ(metrics().size(), 3u);
  expect_error(chat() + Arguments{"--nproc-per-node", "2", "max_steps=4", "resume=auto"},
               {"cannot start mpirun", "openmpi-bin"}, {"PATH=/nowhere"});
}

// As torchrun --nproc-per-node 2 --no-python starts it.
TEST_F(Processes, ByTorchrunOnCpu) {
  make_chat();
  std::vector<std::unique_ptr<Child>> started;
  for (const char* rank : {"0", "1"})
    started.push_back(
        std::make_unique<Child>(bin_dir() / "pretrain", chat() + Arguments{"max_steps=3"}, folder_.path(),
                                environment({std::string("RANK=") + rank, std::string("LOCAL_RANK=") + rank,
                                             "WORLD_SIZE=2", "LOCAL_WORLD_SIZE=2", "MASTER_ADDR=localhost",
                                             "MASTER_PORT=29512", "TORCHELASTIC_USE_AGENT_STORE=True",
                                             "PATH=" + mpirun_.parent_path().string() + ":/usr/bin:/bin"})));
  const Result first = started[0]->wait(), second = started[1]->wait();
  EXPECT_EQ(first.status, 0) << first.output;
  EXPECT_EQ(second.status, 0) << second.output;
  EXPECT_TRUE(first.says("Distributed: 2 processes")) << first.output;
  EXPECT_TRUE(second.output.empty()) << second.output;
  EXPECT_EQ(metrics().size(), 3u);
}

TEST_F(Processes, OtherLaunchersOnCpuNeedTheirMpi) {
  make_chat();
  // srun without PMI: MPI would see one process in each.
  expect_error(chat(), {"the launcher told of rank 0 of 2, MPI of rank 0 of 1", "srun --mpi=pmix"},
               environment({"SLURM_JOB_ID=7", "SLURM_STEP_ID=0", "SLURM_STEP_NUM_TASKS=2", "SLURM_PROCID=0",
                            "SLURM_LOCALID=0", "SLURM_NTASKS=2", "SLURM_STEP_NODELIST=localhost"}));
  expect_error(chat() + Arguments{"--rank", "0", "--world-size", "2", "--master", "localhost:29513"}, {"mpirun -n 2"});
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

/// Whether or not there is MPI.
class Launchers : public PretrainTest {};

TEST_F(Launchers, WhatTheySayIsChecked) {
  make_chat();
  expect_error(chat(), {"RANK is not set, though LOCAL_RANK=1 is"}, {"LOCAL_RANK=1"});
  expect_error(chat(), {"RANK is not set, though WORLD_SIZE=2 is"}, {"LOCAL_RANK=0", "WORLD_SIZE=2"});
  expect_error(chat(), {"OMPI_COMM_WORLD_RANK is not set"}, {"OMPI_COMM_WORLD_LOCAL_RANK=1"});
  expect_error(chat() + Arguments{"--rank", "1"}, {"--world-size is missing"});
  expect_error(chat() + Arguments{"--nproc-per-node", "0"}, {"--nproc-per-node 0"});
  expect_error(chat() + Arguments{"--nproc-per-node", "2"}, {"--nproc-per-node 2", "LOCAL_RANK"}, {"LOCAL_RANK=0"});
  expect_error(chat() + Arguments{"--deterministic=maybe"}, {"--deterministic takes on or off"});
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

}  // namespace
}  // namespace trm
