// What a user can get wrong: a clear error, status 1, and nothing lost.
#include <sys/mount.h>

#include "tests/pretrain/run_program.h"

namespace trm {
namespace {

using namespace testing;

class BadInput : public PretrainTest {};

TEST_F(BadInput, DatasetsThatCannotBeUsed) {
  expect_error(chat() + Arguments{"~data_paths"}, {"data_paths", "build_dataset"});
  expect_error(chat() + Arguments{"data_paths=[nowhere]"}, {"'nowhere' does not exist"});
  fs::create_directories(folder_ / "empty");
  expect_error(chat() + Arguments{"data_paths=[empty]"}, {"empty/train/dataset.json"});
  make_chat();
  fs::copy(folder_ / "chat", folder_ / "cut", fs::copy_options::recursive);
  fs::resize_file(folder_ / "cut/train/all__inputs.npy", 300);
  expect_error(chat() + Arguments{"data_paths=[cut]"}, {"cut/train/all__inputs.npy", "truncated"});
  Synthetic narrow = tiny_data(24);
  narrow.metadata.vocab_size = 16;
  narrow.write(folder_ / "outside");
  std::string text = read_file(folder_ / "outside/train/dataset.json");
  text.replace(text.find("\"vocab_size\": 16"), 16, "\"vocab_size\": 12");
  write_file(folder_ / "outside/train/dataset.json", text);
  expect_error(chat() + Arguments{"data_paths=[outside]"}, {"outside", "outside the vocabulary"});
  Synthetic longer = tiny_data(24);
  longer.metadata.seq_len = 9;
  longer.write(folder_ / "longer");
  longer.write(folder_ / "longer", "test");
  expect_error(chat() + Arguments{"data_paths=[chat,longer]"}, {"seq_len", "8", "9"});
  expect_error(chat() + Arguments{"data_paths_test=[longer]"}, {"seq_len 9", "8"});
  expect_error(chat() + Arguments{"global_batch_size=5000"}, {"not one step", "24 examples", "5000"});
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(BadInput, IdentifiersBeyondThePuzzleTable) {
  make_puzzles();
  Synthetic test = tiny_data(3);
  test.metadata.num_puzzle_identifiers = 20;
  test.puzzle_sizes.assign(12, 1);
  test.group_sizes.assign(12, 1);
  test.write(folder_ / "puzzles", "test");
  expect_error(puzzles(), {"identifier 12", "9"});
}

TEST_F(BadInput, ConfigurationsThatNoRunCanHave) {
  make_chat();
  expect_error(chat() + Arguments{"arch.hidden_size=33", "arch.num_heads=1"}, {"rope", "33"});
  expect_error(chat() + Arguments{"global_batch_size=0"}, {"global_batch_size", "at least 1"});
  expect_error(chat() + Arguments{"arch.mlp_t=True"}, {"arch.mlp_t", "arch.causal", "future"});
  expect_error(chat() + Arguments{"arch.hidden_size=2000000000"}, {"arch.hidden_size", "from 1 to 131072"});
  expect_error(chat() + Arguments{"arch.L_layers=2000000000"}, {"arch.L_layers", "from 0 to 1000"});
  expect_error(chat() + Arguments{"arch.expansion=1e-9"}, {"arch.expansion", "from 1 to"});
  expect_error(chat() + Arguments{"data_paths=['']"}, {"data_paths: got '['']'"});
  expect_error(chat() + Arguments{"eval_save_outputs=[prds]"}, {"eval_save_outputs", "prds", "preds"});
  expect_error(chat() + Arguments{"freeze_weights=True"}, {"freeze_weights", "puzzle_emb_ndim"});
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(BadInput, ModelsThatNoMemoryHolds) {
  make_chat();
  const Arguments huge = chat() + Arguments{"arch.hidden_size=131072", "arch.num_heads=1024", "arch.L_layers=1000"};
  const auto start = std::chrono::steady_clock::now();
  expect_error(huge, {"a model of 103,146,328,424,450", " parameters needs at least ", " MiB for weights", "cpu (",
                      " has ", "; lower arch.hidden_size, arch.L_layers"});
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << "no weight was made";
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(BadInput, ARunThatIsThereIsNotOverwritten) {
  make_chat();
  ASSERT_EQ(run(chat() + Arguments{"max_steps=2"}).status, 0);
  const std::string before = read_file(folder_ / "run/step_2.h5") + read_file(folder_ / "run/metrics.jsonl");
  expect_error(chat() + Arguments{"max_steps=2"}, {"'run' already has checkpoints", "step_2.h5", "resume=auto"});
  EXPECT_EQ(read_file(folder_ / "run/step_2.h5") + read_file(folder_ / "run/metrics.jsonl"), before);
}

TEST_F(BadInput, WeightsThatDoNotFit) {
  make_chat();
  ASSERT_EQ(run(chat() + Arguments{"max_steps=1"}).status, 0);
  Synthetic wider = tiny_data(24);
  wider.metadata.vocab_size = 20;
  wider.write(folder_ / "wider");
  const Arguments other = chat() + Arguments{"checkpoint_path=other", "max_steps=1"};
  expect_error(other + Arguments{"data_paths=[wider]", "load_checkpoint=run"},
               {"run/step_1.h5", "vocabulary of 16", "one of 20"});
  expect_error(other + Arguments{"arch.hidden_size=64", "load_checkpoint=run/step_1.h5"},
               {"run/step_1.h5", "arch.hidden_size: 32 in the checkpoint, 64 here"});
  expect_error(other + Arguments{"load_checkpoint=nowhere"}, {"no such checkpoint", "nowhere"});
  EXPECT_FALSE(fs::exists(folder_ / "other"));
}

TEST_F(BadInput, ATokenizerOfEqualSizeIsAnother) {
  make_chat();
  fs::copy(folder_ / "chat", folder_ / "other", fs::copy_options::recursive);
  const auto tokenizer = [&](const char* data, const char* left, const char* right) {
    std::string vocabulary;
    for (int i = 0; i < 15; ++i)
      vocabulary += "\"" + std::string(1, static_cast<char>('a' + i)) + "\": " + std::to_string(i) + ", ";
    write_file(folder_ / data / "tokenizer/tokenizer.json",
               R"({"model": {"type": "BPE", "vocab": {)" + vocabulary + "\"" + left + right +
                   R"(": 15}, "merges": [")" + left + " " + right + R"("]}, "pre_tokenizer": {"type": "ByteLevel"}})");
  };
  tokenizer("chat", "a", "b");
  tokenizer("other", "c", "d");
  const Arguments arguments = chat() + Arguments{"max_steps=1"};
  ASSERT_EQ(run(arguments).status, 0);
  const Arguments other = chat() + Arguments{"data_paths=[other]", "max_steps=2"};
  expect_error(other + Arguments{"checkpoint_path=fine-tuned", "load_checkpoint=run"},
               {"the tokenizer in 'run/step_1.h5'", "'other/tokenizer'", "differ", "--tokenizer"});
  expect_error(other + Arguments{"resume=auto"}, {"the tokenizer in 'run/step_1.h5'", "'other/tokenizer'", "differ"});
  EXPECT_FALSE(fs::exists(folder_ / "fine-tuned"));
  EXPECT_EQ(run(chat() + Arguments{"max_steps=2", "resume=auto"}).status, 0);
}

TEST_F(BadInput, DataThatWasEditedIsNoticedOnResume) {
  make_chat();
  ASSERT_EQ(run(chat() + Arguments{"max_steps=1"}).status, 0);
  fs::rename(folder_ / "chat", folder_ / "moved");
  const Arguments moved = chat() + Arguments{"data_paths=[moved]", "resume=auto"};
  EXPECT_FALSE(run(moved + Arguments{"max_steps=2"}).says("the training data is not what"));
  std::string array = read_file(folder_ / "moved/train/all__labels.npy");
  array[array.size() - 4] ^= 1;
  write_file(folder_ / "moved/train/all__labels.npy", array);
  const Result edited = run(moved + Arguments{"max_steps=3"});
  EXPECT_EQ(edited.status, 0);
  EXPECT_TRUE(edited.says("warning: the training data is not what the checkpoint was made with")) << edited.output;
}

TEST_F(BadInput, RunsThatStartAtOnceHaveAFolderEach) {
  make_chat();
  Arguments arguments = chat();
  std::erase(arguments, "checkpoint_path=run");
  arguments = arguments + Arguments{"max_steps=1", "project_name=p"};
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < 4; ++i)
    children.push_back(std::make_unique<Child>(bin_dir() / "pretrain", arguments, folder_.path()));
  for (auto& child : children) {
    const Result result = child->wait();
    EXPECT_EQ(result.status, 0) << result.output;
  }
  int folders = 0;
  for (const auto& run : fs::directory_iterator(folder_ / "checkpoints/p"))
    folders += fs::exists(run.path() / "step_1.h5");
  EXPECT_EQ(folders, 4);
}

TEST_F(BadInput, NamesThatLeaveTheirFolder) {
  make_chat();
  Arguments arguments = chat();
  std::erase(arguments, "checkpoint_path=run");
  for (const std::string name : {"../x", "/tmp/x", "a/../../x"}) {
    expect_error(arguments + Arguments{"run_name=" + name}, {"run_name: got '" + name + "'", "checkpoint_path=FOLDER"});
    expect_error(arguments + Arguments{"project_name=" + name}, {"project_name: got '" + name + "'"});
  }
}

TEST_F(BadInput, ArgumentsOfAnyLength) {
  const std::string longest(60000, 'x');
  for (const std::string option : {"--config-name=", "--config-path=", "--device=", "--print-config=", "--nonsense=",
                                    "--op-report=json:", "-x", "--fallback=", "run_name=", "nonsense="}) {
    const Result result = run({option + longest});
    EXPECT_EQ(result.status, 1) << option;
    EXPECT_TRUE(result.says("error: ")) << option;
    EXPECT_LT(result.output.size(), 6000u) << option;
  }
}

TEST_F(BadInput, FoldersThatCannotBeWritten) {
  make_chat();
  expect_error(chat() + Arguments{"checkpoint_path=/proc/nothing/run"}, {"/proc/nothing/run"});
  write_file(folder_ / "file", "");
  expect_error(chat() + Arguments{"checkpoint_path=file/run"}, {"file/run"});
}

TEST_F(BadInput, FailingToSaveKeepsOlderCheckpointsAndTriesAgain) {
  make_chat();
  write_file(folder_ / "run/step_4.h5/in-the-way", "");  // a folder cannot be replaced by a file
  const Arguments arguments = chat() + Arguments{"checkpoint_interval=2"};
  const Result went_on = run(arguments + Arguments{"max_steps=6"});
  EXPECT_EQ(went_on.status, 0) << went_on.output;
  EXPECT_TRUE(went_on.says("error: cannot save 'run/step_4.h5'")) << went_on.output;
  EXPECT_EQ(load("run/step_2.h5").step, 2);
  EXPECT_EQ(load("run/step_6.h5").step, 6);
  fs::remove_all(folder_ / "run");
  write_file(folder_ / "run/step_4.h5/in-the-way", "");
  expect_error(arguments + Arguments{"max_steps=4"},
               {"cannot save 'run/step_4.h5'", "older checkpoints are as they were"});
  EXPECT_EQ(load("run/step_2.h5").step, 2);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "run"), {}), 5)
      << "no temporary file is left: all_config.yaml, metrics.jsonl, step_2.h5, step_4.h5/, train.log";
}

TEST_F(BadInput, TwoRunsInOneFolder) {
  make_chat();
  const Arguments arguments = chat() + Arguments{"epochs=100000", "max_steps=100000"};
  Child first = start(arguments);
  ASSERT_TRUE(first.until([&] { return first.output().find("Run folder: run") != std::string::npos; }));
  for (const char* resume : {"resume=false", "resume=auto"})
    expect_error(arguments + Arguments{resume}, {"another pretrain", "'run'", "checkpoint_path"});
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait().status, 128 + SIGTERM);
  EXPECT_EQ(run(arguments + Arguments{"resume=auto", "max_steps=1"}).status, 0) << "it is given up";
}

TEST_F(BadInput, AFileSystemWithoutLocksIsSaid) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "a sanitizer wants to be the first library";
#endif
  const char* library = std::getenv("TRM_NO_LOCKS");
  ASSERT_TRUE(library) << "run by ctest";
  make_chat();
  const Result result = run(chat() + Arguments{"max_steps=1"}, {std::string("LD_PRELOAD=") + library});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_TRUE(result.says("warning: the run folder 'run' cannot be locked (No locks available)")) << result.output;
}

TEST_F(BadInput, StandardOutputThatIsFullOrClosed) {
  make_chat();
  for (const char* to : {"/dev/full", "/dev/null"}) {
    const bool full = to == std::string("/dev/full");
    fs::remove_all(folder_ / "run");
    std::string command = "exec '" + (bin_dir() / "pretrain").string() + "'";
    for (const std::string& argument : chat() + Arguments{"max_steps=2"}) command += " '" + argument + "'";
    const Result result = Child("/bin/sh", {"-c", command + " >" + to}, folder_.path()).wait();
    EXPECT_EQ(result.status, full ? 1 : 0) << result.output;
    EXPECT_EQ(result.says("error: standard output"), full) << result.output;
    EXPECT_EQ(load("run/step_2.h5").step, 2) << "trained all the same";
  }
}

TEST_F(BadInput, DataThatGoesAwayWhileItIsRead) {
  make_chat(5000);
  Child child = start(chat() + Arguments{"epochs=100000", "max_steps=1000000", "checkpoint_interval=5"});
  ASSERT_TRUE(child.until([&] { return fs::exists(folder_ / "run/step_5.h5"); })) << child.output();
  fs::resize_file(folder_ / "chat/train/all__inputs.npy", 128);
  const Result result = child.wait();
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_TRUE(result.says("was cut short while it was read")) << result.output;
  EXPECT_TRUE(result.says("chat/train/all__inputs.npy")) << result.output;
  EXPECT_EQ(load("run/step_5.h5").step, 5);
}

TEST_F(BadInput, ABusErrorOfSomethingElseIsNotTheDatasets) {
  make_chat();
  Child child = start(chat() + Arguments{"epochs=100000", "max_steps=1000000"});
  ASSERT_TRUE(child.until([&] { return child.output().find("Run folder: run") != std::string::npos; }));
  child.signal(SIGBUS);
  const Result result = child.wait();
  EXPECT_EQ(result.status, -1) << "ended by the signal";
  EXPECT_FALSE(result.says("was cut short")) << result.output;
}

TEST_F(BadInput, ALimitOfFileSizes) {
  make_chat();
  std::string command = "ulimit -f 40; exec '" + (bin_dir() / "pretrain").string() + "'";
  for (const std::string& argument : chat() + Arguments{"max_steps=2"}) command += " '" + argument + "'";
  const Result result = Child("/bin/sh", {"-c", command}, folder_.path()).wait();
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_TRUE(result.says("error: cannot save 'run/step_2.h5'")) << result.output;
}

TEST_F(BadInput, AFullDisk) {
  make_chat();
  fs::create_directories(folder_ / "small");
  if (::mount("tmpfs", (folder_ / "small").c_str(), "tmpfs", 0, "size=600k") != 0)
    GTEST_SKIP() << "no small file system can be mounted here";
  const Result result = run(chat() + Arguments{"checkpoint_path=small/run", "checkpoint_interval=1", "max_steps=12"});
  const bool first_is_whole = fs::exists(folder_ / "small/run/step_1.h5") && load("small/run/step_1.h5").step == 1;
  ::umount((folder_ / "small").c_str());
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_TRUE(result.says("No space left on device")) << result.output;
  EXPECT_TRUE(first_is_whole) << result.output;
}

}  // namespace
}  // namespace trm
