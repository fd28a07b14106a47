#pragma once
// pretrain as a user runs it: tiny models on tiny datasets, in a folder of the test's own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "checkpoint/checkpoint.h"
#include "tests/data/folders.h"
#include "tests/shared.h"

namespace trm::testing {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

inline Arguments operator+(Arguments a, const Arguments& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Result {
  int status = -1;     // exit status, or -1 where a signal ended it
  std::string output;  // of stdout and stderr together

  bool says(const std::string& part) const { return output.find(part) != std::string::npos; }
};

/// A child that runs in `folder`, with a few environment variables on top ("NAME=value", "NAME" to unset it).
class Child {
 public:
  Child(const fs::path& program, const Arguments& arguments, const fs::path& folder, const Arguments& environment = {})
      : log_(folder / ("log-" + std::to_string(++count()))) {
    process_ = ::fork();
    if (process_ != 0) return;
    if (::chdir(folder.c_str()) != 0) ::_exit(126);
    const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(log, 1);
    ::dup2(log, 2);
    for (const char* name : {"LOCAL_RANK", "TRM_FALLBACK", "TRM_OPS_DISABLE", "DISABLE_COMPILE"}) ::unsetenv(name);
    ::setenv("TRM_DEVICE", "cpu", 1);
    ::setenv("OMP_WAIT_POLICY", "passive", 1);
    ::setenv("OMP_NUM_THREADS", "1", 1);
    for (const std::string& one : environment) {
      const size_t equals = one.find('=');
      if (equals == std::string::npos)
        ::unsetenv(one.c_str());
      else
        ::setenv(one.substr(0, equals).c_str(), one.substr(equals + 1).c_str(), 1);
    }
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  ~Child() {
    if (process_ > 0) ::kill(process_, SIGKILL), ::waitpid(process_, nullptr, 0);
  }
  Child(const Child&) = delete;

  void signal(int number) { ::kill(process_, number); }
  std::string output() const { return read_file(log_); }
  Result wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output()};
  }
  /// Waits until something is so; false when the program ended before, or after half a minute.
  bool until(const std::function<bool()>& so) {
    for (int i = 0; i < 15000; ++i) {
      if (so()) return true;
      siginfo_t info{};
      if (::waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0)
        return so();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }

 private:
  static int& count() {
    static int number = 0;
    return number;
  }
  pid_t process_;
  fs::path log_;
};

/// A dataset of examples with a pattern that can be learned, in the folder's train and, if any, test.
inline Synthetic tiny_data(int examples) {
  Synthetic data = single_examples(examples);
  data.metadata.vocab_size = 16;
  data.metadata.seq_len = 8;
  return data;
}

class PretrainTest : public ::testing::Test {
 protected:
  Result run(const Arguments& arguments, const Arguments& environment = {}) {
    return program("pretrain", arguments, environment);
  }
  Result program(const std::string& name, const Arguments& arguments, const Arguments& environment = {}) {
    return Child(bin_dir() / name, arguments, folder_.path(), environment).wait();
  }
  Child start(const Arguments& arguments, const Arguments& environment = {}) {
    return Child(bin_dir() / "pretrain", arguments, folder_.path(), environment);
  }

  void expect_error(const Arguments& arguments, const std::vector<std::string>& parts,
                    const Arguments& environment = {}) {
    const Result result = run(arguments, environment);
    EXPECT_EQ(result.status, 1) << result.output;
    EXPECT_TRUE(result.says("error: ")) << result.output;
    for (const std::string& part : parts)
      EXPECT_TRUE(result.says(part)) << "'" << part << "' is not in: " << result.output;
  }

  /// A causal model on <folder>/chat.
  Arguments chat() const {
    return {"--config-path",
            (source_dir() / "config").string(),
            "-cn",
            "cfg_chat_fast",
            "data_paths=[chat]",
            "arch.hidden_size=32",
            "arch.num_heads=2",
            "arch.L_layers=1",
            "arch.expansion=1",
            "arch.forward_dtype=float32",
            "global_batch_size=4",
            "gradient_accumulation_steps=1",
            "epochs=100",
            "eval_interval=100",
            "lr_warmup_steps=4",
            "checkpoint_path=run"};
  }
  /// The TRM with carry, halting and puzzle embeddings on <folder>/puzzles.
  Arguments puzzles() const {
    return {"--config-path",         (source_dir() / "config").string(),
            "data_paths=[puzzles]",  "arch.hidden_size=32",
            "arch.num_heads=2",      "arch.L_layers=1",
            "arch.expansion=1",      "arch.H_cycles=2",
            "arch.L_cycles=2",       "arch.puzzle_emb_len=1",
            "arch.halt_max_steps=4", "arch.halt_exploration_prob=0.5",
            "global_batch_size=4",   "epochs=100",
            "eval_interval=100",     "lr=1e-3",
            "lr_warmup_steps=4",     "ema=True",
            "checkpoint_path=run"};
  }
  void make_chat(int examples = 24) { tiny_data(examples).write(folder_ / "chat"); }
  void make_puzzles() {
    Synthetic data = tiny_data(1);
    data.puzzle_sizes = {1, 3, 2, 1, 4, 1, 1, 2};
    data.group_sizes = {2, 1, 3, 1, 1};
    data.metadata.num_puzzle_identifiers = 9;
    data.write(folder_ / "puzzles");
  }

  checkpoint::Checkpoint load(const std::string& file) { return checkpoint::load(folder_ / file); }
  /// The lines of a metrics.jsonl.
  std::vector<nlohmann::json> metrics(const std::string& run = "run") {
    std::vector<nlohmann::json> lines;
    std::istringstream text(read_file(folder_ / run / "metrics.jsonl"));
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  TemporaryFolder folder_;
};

/// All of their arrays have the same bits.
inline void expect_same_state(const checkpoint::Checkpoint& a, const checkpoint::Checkpoint& b) {
  EXPECT_EQ(a.step, b.step);
  ASSERT_EQ(a.arrays.size(), b.arrays.size());
  for (const auto& [name, array] : a.arrays) {
    ASSERT_TRUE(b.arrays.contains(name)) << name;
    EXPECT_TRUE(array == b.arrays.at(name)) << name << " differs";
  }
}

}  // namespace trm::testing
