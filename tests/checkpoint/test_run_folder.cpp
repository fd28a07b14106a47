#include <cmath>

#include "checkpoint/run_folder.h"
#include "tests/checkpoint/folder.h"

using namespace trm::checkpoint;
using namespace trm::testing;

namespace {

void save_steps(const TemporaryFolder& folder, const std::vector<int64_t>& steps) {
  for (int64_t step : steps) save(sample(), checkpoint_name(folder.path(), step));
}

std::vector<int64_t> steps_in(const TemporaryFolder& folder) {
  std::vector<int64_t> steps;
  for (const auto& file : checkpoints_in(folder.path())) steps.push_back(*step_of(file));
  return steps;
}

using Steps = std::vector<int64_t>;

}  // namespace

TEST(RunFolder, NamesAndSteps) {
  EXPECT_EQ(checkpoint_name("run", 12).string(), "run/step_12.h5");
  EXPECT_EQ(step_of("a/step_12.h5"), 12);
  for (const char* name : {"step_.h5", "step_12", "step_012.h5", "step_-1.h5", "step_12.h5.tmp", "astep_12.h5",
                           "step_99999999999999999999.h5", "step_1x.h5"})
    EXPECT_FALSE(step_of(name)) << name;
}

TEST(RunFolder, ListsByStepNotByName) {
  const TemporaryFolder folder;
  save_steps(folder, {100, 9, 20});
  write_bytes(folder / "step_7", "x");
  std::filesystem::create_directory(folder / "step_8.h5");
  EXPECT_EQ(steps_in(folder), (Steps{9, 20, 100}));
  EXPECT_TRUE(checkpoints_in(folder / "absent").empty());
}

TEST(RunFolder, TheNewestWholeOneIsTaken) {
  const TemporaryFolder folder;
  EXPECT_FALSE(newest_whole(folder.path()));
  save_steps(folder, {1, 2, 10, 11});
  auto bytes = read_bytes(folder / "step_11.h5");
  write_bytes(folder / "step_11.h5", bytes.substr(0, bytes.size() / 2));
  write_bytes(folder / "step_10.h5", "");
  std::vector<std::string> skipped;
  EXPECT_EQ(newest_whole(folder.path(), &skipped), folder / "step_2.h5");
  ASSERT_EQ(skipped.size(), 2u);
  EXPECT_SAYS(skipped[0], "step_11.h5");
  EXPECT_SAYS(skipped[0], "cut short");
  EXPECT_SAYS(skipped[1], "empty");
}

TEST(RunFolder, KeepsTheLastTheBestAndTheProtected) {
  const TemporaryFolder folder;
  save_steps(folder, {1, 2, 3, 4, 5, 10});
  write_best(folder.path(), {2, "lm_loss", 1.5});
  EXPECT_EQ(keep_last(folder.path(), 0), 0);
  EXPECT_EQ(keep_last(folder.path(), 2, {1}), 2);
  EXPECT_EQ(steps_in(folder), (Steps{1, 2, 5, 10}));
  EXPECT_EQ(keep_last(folder.path(), 7), 0);
}

TEST(RunFolder, TheBestIsRemembered) {
  const TemporaryFolder folder;
  EXPECT_FALSE(read_best(folder.path()));
  write_best(folder.path(), {120, "exact_accuracy", 0.1});
  write_best(folder.path(), {140, "exact_accuracy", 0.1234567890123});
  const auto best = read_best(folder.path());
  ASSERT_TRUE(best);
  EXPECT_EQ(best->step, 140);
  EXPECT_EQ(best->metric, "exact_accuracy");
  EXPECT_EQ(best->value, 0.1234567890123);
  write_best(folder.path(), {1, "lm_loss", std::nan("")});
  EXPECT_TRUE(std::isnan(read_best(folder.path())->value));
  for (const char* bad : {"", "{", "[]", R"({"step": "x", "metric": "m", "value": 1})"}) {
    write_bytes(folder / "best.json", bad);
    EXPECT_SAYS(error_of([&] { read_best(folder.path()); }), "best.json");
    EXPECT_SAYS(error_of([&] { read_best(folder.path()); }), "remove it");
  }
  std::filesystem::remove(folder / "best.json");
  std::filesystem::create_directories(folder / "best.json");
  EXPECT_SAYS(error_of([&] { read_best(folder.path()); }), "best.json");
}

TEST(RunFolder, FindsWhatTheUserMeans) {
  const TemporaryFolder folder;
  EXPECT_SAYS(error_of([&] { find_checkpoint(folder / "absent"); }), "absent");
  EXPECT_SAYS(error_of([&] { find_checkpoint(folder.path()); }), "step_<n>.h5");
  save_steps(folder, {1, 2});
  EXPECT_EQ(find_checkpoint(folder.path()), folder / "step_2.h5");
  EXPECT_EQ(find_checkpoint(folder / "step_1.h5"), folder / "step_1.h5");
  write_best(folder.path(), {1, "lm_loss", 1});
  EXPECT_EQ(find_checkpoint(folder.path()), folder / "step_1.h5");
  write_best(folder.path(), {77, "lm_loss", 1});
  EXPECT_EQ(find_checkpoint(folder.path()), folder / "step_2.h5");
}
