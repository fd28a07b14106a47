#include "logging/logging.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <stdexcept>

#include "tests/temporary_folder.h"

namespace trm::logging {
namespace {

namespace fs = std::filesystem;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream stream(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// There is one log a process: each test leaves it as it was, but for the file, which the next one replaces.
class Logging : public ::testing::Test {
 protected:
  void TearDown() override {
    before_lines(nullptr);
    show_from(Level::note);
  }
  /// What `act` writes to standard output and standard error.
  template <class Act>
  std::pair<std::string, std::string> said(const Act& act) {
    CaptureStdout();
    CaptureStderr();
    act();
    const std::string error = GetCapturedStderr();
    return {GetCapturedStdout(), error};
  }
  trm::testing::TemporaryFolder folder_;
};

void say_all() {
  note("a {} %s note");
  warn("odd");
  error("wrong\n  here");
}

using Said = std::pair<std::string, std::string>;
constexpr const char* loud = "warning: odd\nerror: wrong\n  here\n";

TEST_F(Logging, NotesGoWhereTheyAreSentTheRestToStandardError) {
  send_notes_to(Notes::standard_output);
  EXPECT_EQ(said(say_all), (Said{"a {} %s note\n", loud}));
  send_notes_to(Notes::standard_error);
  EXPECT_EQ(said(say_all), (Said{"", std::string("a {} %s note\n") + loud}));
}

TEST_F(Logging, TheLevelHidesWhatIsBelow) {
  show_from(parse_level("warning"));
  EXPECT_FALSE(shows_notes());
  EXPECT_EQ(said(say_all), (Said{"", loud}));
  show_from(parse_level("error"));
  EXPECT_EQ(said(say_all), (Said{"", "error: wrong\n  here\n"}));
  show_from(parse_level("info"));
  EXPECT_TRUE(shows_notes());
  try {
    parse_level("loud");
    FAIL() << "loud is no level";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "takes info, warning or error, got 'loud'");
  }
}

TEST_F(Logging, ABarIsWipedAwayBeforeEachLineThatIsShown) {
  int wiped = 0;
  before_lines([&] { ++wiped; });
  show_from(Level::warning);
  said(say_all);
  EXPECT_EQ(wiped, 2);
}

TEST_F(Logging, AFileHasAllMessagesAlsoTheEarlierAndTheHiddenOnes) {
  show_from(Level::error);
  said([&] {
    note("before the file");
    append_to(folder_ / "train.log");
    say_all();
  });
  const std::vector<std::string> lines = lines_of(folder_ / "train.log");
  ASSERT_GE(lines.size(), 5u);
  const std::vector<std::string> last(lines.end() - 5, lines.end());
  const std::regex with_time(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (info|warning|error): .*)");
  for (const int i : {0, 1, 2, 3})
    EXPECT_TRUE(std::regex_match(last[static_cast<size_t>(i)], with_time)) << last[static_cast<size_t>(i)];
  EXPECT_TRUE(last[0].ends_with(" info: before the file"));
  EXPECT_TRUE(last[1].ends_with(" info: a {} %s note"));
  EXPECT_TRUE(last[2].ends_with(" warning: odd"));
  EXPECT_TRUE(last[3].ends_with(" error: wrong"));
  EXPECT_EQ(last[4], "  here");
}

TEST_F(Logging, AFileIsAppendedTo) {
  std::ofstream(folder_ / "train.log") << "of an earlier run\n";
  said([&] { append_to(folder_ / "train.log"), note("now"); });
  EXPECT_EQ(lines_of(folder_ / "train.log").front(), "of an earlier run");
  EXPECT_TRUE(lines_of(folder_ / "train.log").back().ends_with("now"));
}

TEST_F(Logging, AFileThatCannotBeWrittenIsNamed) {
  fs::create_directories(folder_ / "train.log");
  try {
    append_to(folder_ / "train.log");
    FAIL() << "it is a folder";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find((folder_ / "train.log").string()), std::string::npos) << error.what();
  }
}

TEST_F(Logging, OnAFullDiskMessagesGoOn) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const auto [out, text] = said([] {
    append_to("/dev/full");
    say_all();
    say_all();
  });
  EXPECT_EQ(text.find("cannot write"), text.rfind("cannot write")) << text;
  EXPECT_NE(text.find("error: wrong", text.find("error: wrong") + 1), std::string::npos) << text;
}

}  // namespace
}  // namespace trm::logging
