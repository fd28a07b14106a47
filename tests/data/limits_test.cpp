// Limits of the system: threads that cannot start, mappings of files.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

#include "data/loader.h"
#include "data/token_source.h"
#include "tests/data/folders.h"

namespace trm {
namespace {

/// From now on this process can start no thread. (Root may always, so it becomes somebody else.)
void forbid_threads() {
  const rlimit limit{0, 0};
  ::setrlimit(RLIMIT_NPROC, &limit);
  if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(77);
  try {
    std::thread([] {}).join();
    ::_exit(77);  // the limit does not work here
  } catch (const std::system_error&) {
  }
}

class Limits : public ::testing::Test {
 protected:
  void SetUp() override { ::testing::GTEST_FLAG(death_test_style) = "fast"; }
};

TEST_F(Limits, TextsAreEncodedWithoutOtherThreads) {
  const Tokenizer tokenizer = Tokenizer::characters({"ab"});
  const std::vector<std::string> texts(1000, "ab");
  EXPECT_EXIT(
      {
        forbid_threads();
        ::_exit(encode_all(tokenizer, texts).back().size() == 2 ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(Limits, BatchesAreMadeWithoutWorkers) {
  testing::TemporaryFolder folder;
  testing::single_examples(40).write(folder / "d");
  const auto dataset = std::make_shared<const Dataset>(Dataset::open({folder / "d"}, "train"));
  LoaderOptions options;
  options.batch_size = 4;
  options.num_workers = 4;
  EXPECT_EXIT(
      {
        Loader loader = Loader::training(dataset, DatasetType::kChat, 1, 1, options);
        forbid_threads();
        int batches = 0;
        while (loader.next()) ++batches;
        ::_exit(batches == 10 ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace trm
