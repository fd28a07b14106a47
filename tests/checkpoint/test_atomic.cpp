// Saving never harms what was there: full disks, folders that cannot be written, kill -9, several writers.
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "checkpoint/atomic_file.h"
#include "tests/checkpoint/folder.h"

using namespace trm::checkpoint;
using namespace trm::testing;

namespace {

Checkpoint large(size_t elements, float value) {
  Checkpoint made = sample();
  made.arrays["model/large"] = Array::of<float>({static_cast<int64_t>(elements)}, std::vector<float>(elements, value));
  return made;
}

/// Within its life the process cannot make files longer than `bytes`.
struct FileSizeLimit {
  explicit FileSizeLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit limit{bytes, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, SIG_DFL);
  }
  rlimit before{};
};

}  // namespace

TEST(Atomic, AFileSizeLimitLeavesTheOldCheckpoint) {
  const TemporaryFolder folder;
  save(sample(), folder / "a.h5");
  for (const rlim_t limit : {0, 1, 100, 4096, 50'000, 1'000'000}) {
    const FileSizeLimit limited(limit);
    const auto message = error_of([&] { save(large(1'000'000, 1), folder / "a.h5"); });
    EXPECT_SAYS(message, "File too large");
    EXPECT_SAYS(message, "bytes needed");
    EXPECT_EQ(folder.entries(), 1u);
  }
  EXPECT_TRUE(same(load(folder / "a.h5"), sample()));
  EXPECT_NO_THROW(save(large(1'000'000, 1), folder / "a.h5"));
}

TEST(Atomic, AFullDiskLeavesTheOldCheckpoint) {
  const TemporaryFolder folder;
  const auto disk = folder / "disk";
  std::filesystem::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=2m") != 0) GTEST_SKIP() << "no small disk: cannot mount a tmpfs";
  save(sample(), disk / "a.h5");
  const auto message = error_of([&] { save(large(1'000'000, 1), disk / "a.h5"); });
  const bool whole = same(load(disk / "a.h5"), sample());
  const auto entries = std::distance(std::filesystem::directory_iterator(disk), {});
  const auto read_only = ::mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0
                             ? error_of([&] { save(sample(), disk / "b.h5"); })
                             : std::string("not writable");
  ::umount(disk.c_str());
  EXPECT_SAYS(message, "No space left");
  EXPECT_SAYS(message, " free)");
  EXPECT_TRUE(whole);
  EXPECT_EQ(entries, 1);
  EXPECT_SAYS(read_only, "not writable");
}

TEST(Atomic, AMissingOrReadOnlyFolderIsNamed) {
  const TemporaryFolder folder;
  const auto missing = error_of([&] { save(sample(), folder / "absent/a.h5"); });
  EXPECT_SAYS(missing, "absent/a.h5");
  EXPECT_SAYS(missing, "does not exist");
  write_bytes(folder / "file", "x");
  EXPECT_SAYS(error_of([&] { save(sample(), folder / "file/a.h5"); }), "Not a directory");
  std::filesystem::create_directory(folder / "b.h5");
  EXPECT_SAYS(error_of([&] { save(sample(), folder / "b.h5"); }), "Is a directory");

  std::filesystem::create_directory(folder / "locked");
  std::filesystem::permissions(folder / "locked", std::filesystem::perms(0555));
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const auto message = error_of([&] { save(sample(), folder / "locked/a.h5"); });
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_SAYS(message, "not writable");
  EXPECT_SAYS(message, "Permission denied");
}

TEST(Atomic, KilledAtAnyMomentThereIsAWholeCheckpoint) {
  const TemporaryFolder folder;
  const auto file = folder / "step_1.h5";
  const Checkpoint first = large(500'000, 1), second = large(300'000, 2);
  save(first, file);
  for (int round = 0; round < 25; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      while (true) save(second, file), save(first, file);
    }
    ::usleep(static_cast<useconds_t>(1000 + 1777 * round));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const Checkpoint found = load(file);
    EXPECT_TRUE(same(found, first) || same(found, second));
  }
  remove_stale_temporaries(folder.path());
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(Atomic, WritersOfOneFileDoNotDisturbEachOther) {
  const TemporaryFolder folder;
  const auto file = folder / "step_1.h5";
  const Checkpoint first = large(50'000, 1), second = large(50'000, 2);
  save(first, file);
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      int failed = 0;
      for (int k = 0; k < 20; ++k) failed += error_of([&] { save(k % 2 ? first : second, file); }) != "";
      ::_exit(failed);
    }
    children.push_back(child);
  }
  for (int i = 0; i < 200; ++i) {
    remove_stale_temporaries(folder.path());
    const Checkpoint found = load(file);
    EXPECT_TRUE(same(found, first) || same(found, second));
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(Atomic, ThreadsMaySaveAtTheSameTime) {
  const TemporaryFolder folder;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      const auto file = folder / ("step_" + std::to_string(i) + ".h5");
      for (int k = 0; k < 5; ++k) {
        save(large(1000, static_cast<float>(i)), file);
        EXPECT_TRUE(same(load(file), large(1000, static_cast<float>(i))));
      }
    });
  for (auto& thread : threads) thread.join();
}

TEST(Atomic, OnlyStaleTemporariesAreRemoved) {
  const TemporaryFolder folder;
  const TemporaryFile open(folder / "a.txt");
  write_bytes(folder / ".trm_save_1_2.tmp", "left by a killed process");
  write_bytes(folder / "notes.tmp", "the user's");
  EXPECT_EQ(remove_stale_temporaries(folder.path()), 1);
  EXPECT_EQ(folder.entries(), 2u);
  EXPECT_EQ(remove_stale_temporaries(folder / "absent"), 0);
}

TEST(Atomic, WritesSmallFiles) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "one");
  write_file(folder / "a.txt", "two");
  EXPECT_EQ(read_bytes(folder / "a.txt"), "two");
  EXPECT_EQ(folder.entries(), 1u);
}
