#include "data/output_folder.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

#include "tests/data/folders.h"

namespace trm {
namespace {

namespace fs = std::filesystem;
using testing::read_file;
using testing::TemporaryFolder;
using testing::write_file;

size_t entries(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(OutputFolder, AppearsOnlyAtCommit) {
  TemporaryFolder folder;
  {
    OutputFolder output(folder / "d", false);
    write_file(output.path() / "train" / "dataset.json", "new");
    EXPECT_FALSE(fs::exists(folder / "d"));
    output.commit();
  }
  EXPECT_EQ(read_file(folder / "d" / "train" / "dataset.json"), "new");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(OutputFolder, NothingIsLeftWithoutCommit) {
  TemporaryFolder folder;
  {
    OutputFolder output(folder / "a" / "b" / "d", false);
    write_file(output.path() / "train" / "dataset.json", "half");
  }
  EXPECT_EQ(entries(folder.path()), 0u);
}

TEST(OutputFolder, EmptyFoldersAndTrailingSlashesAreFine) {
  TemporaryFolder folder;
  fs::create_directories(folder / "d");
  OutputFolder output((folder / "d").string() + "/", false);
  write_file(output.path() / "train" / "dataset.json", "new");
  output.commit();
  EXPECT_EQ(read_file(folder / "d" / "train" / "dataset.json"), "new");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(OutputFolder, ADatasetIsReplacedOnlyWithForceAndOnlyAtCommit) {
  TemporaryFolder folder;
  write_file(folder / "d" / "train" / "dataset.json", "old");
  write_file(folder / "d" / "test" / "dataset.json", "old");
  write_file(folder / "d" / "notes.txt", "mine");
  EXPECT_ERROR_WITH(OutputFolder(folder / "d", false), "already holds a dataset", "--force");
  { OutputFolder abandoned(folder / "d", true); }
  EXPECT_EQ(read_file(folder / "d" / "train" / "dataset.json"), "old");
  {
    OutputFolder output(folder / "d", true);
    write_file(output.path() / "train" / "dataset.json", "new");
    EXPECT_EQ(read_file(folder / "d" / "train" / "dataset.json"), "old");
    output.commit();
  }
  EXPECT_EQ(read_file(folder / "d" / "train" / "dataset.json"), "new");
  EXPECT_FALSE(fs::exists(folder / "d" / "test")) << "the old dataset's test split must not stay beside the new one";
  EXPECT_EQ(read_file(folder / "d" / "notes.txt"), "mine");
  EXPECT_EQ(entries(folder.path()), 1u);
}

/// What a build that was killed at that moment leaves.
template <class Build>
void killed(const Build& build) {
  const pid_t child = ::fork();
  if (child == 0) {
    build();
    ::raise(SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
}

TEST(OutputFolder, WhatAKilledBuildLeftIsRemovedByTheNext) {
  TemporaryFolder folder;
  killed([&] { write_file((new OutputFolder(folder / "d", false))->path() / "train" / "dataset.json", "half"); });
  EXPECT_EQ(entries(folder.path()), 1u);
  OutputFolder other(folder / "other", false);
  EXPECT_EQ(entries(folder.path()), 2u) << "that of another name stays";
  OutputFolder living(folder / "d", false);
  EXPECT_EQ(entries(folder.path()), 2u);
  OutputFolder second(folder / "d", false);
  EXPECT_TRUE(fs::exists(living.path())) << "one that is at work stays";
}

TEST(OutputFolder, ADatasetThatWasBeingReplacedComesBack) {
  TemporaryFolder folder;
  write_file(folder / ".d.replaced-abcdef" / "train" / "dataset.json", "old");
  EXPECT_ERROR_WITH(OutputFolder(folder / "d", false), "already holds a dataset");
  EXPECT_EQ(read_file(folder / "d" / "train" / "dataset.json"), "old");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(OutputFolder, AFileOfTheUserSurvivesAReplacementThatWasKilled) {
  TemporaryFolder folder;
  write_file(folder / "d" / "train" / "dataset.json", "new");
  write_file(folder / ".d.building-abcdef" / "train" / "dataset.json", "old");
  write_file(folder / ".d.building-abcdef" / "notes.txt", "mine");
  { OutputFolder next(folder / "d", true); }
  EXPECT_EQ(read_file(folder / "d" / "notes.txt"), "mine");
  EXPECT_EQ(read_file(folder / "d" / "train" / "dataset.json"), "new");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(OutputFolder, OtherThingsAreNeverReplaced) {
  TemporaryFolder folder;
  write_file(folder / "home" / "letter.txt", "mine");
  EXPECT_ERROR_WITH(OutputFolder(folder / "home", true), "not a dataset");
  EXPECT_ERROR_WITH(OutputFolder(folder / "home" / "letter.txt", true), "is a file");
  EXPECT_ERROR_WITH(OutputFolder(folder / "home" / "letter.txt" / "d", true), "cannot write");
  EXPECT_ERROR_WITH(OutputFolder("", false), "empty");
  EXPECT_EQ(read_file(folder / "home" / "letter.txt"), "mine");
}

TEST(OutputFolder, AReadOnlyPlaceIsNamed) {
  TemporaryFolder folder;
  fs::create_directories(folder / "locked");
  fs::permissions(folder / "locked", fs::perms::owner_read | fs::perms::owner_exec);
  if (::access((folder / "locked").c_str(), W_OK) == 0) GTEST_SKIP() << "this user may write everywhere";
  EXPECT_ERROR_WITH(OutputFolder(folder / "locked" / "d", false), "locked", "denied");
  fs::permissions(folder / "locked", fs::perms::owner_all);
}

}  // namespace
}  // namespace trm
