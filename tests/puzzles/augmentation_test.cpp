// Symmetries drawn as examples are loaded.
#include "puzzles/augmentation.h"

#include <set>

#include "data/loader.h"
#include "puzzles/kinds.h"
#include "puzzles/maze/build.h"
#include "puzzles/sudoku/build.h"
#include "tests/data/folders.h"

namespace trm {
namespace {

using Row = std::vector<int32_t>;

class Augmented : public ::testing::Test {
 protected:
  Augmented() {
    SudokuBuild build;
    build.output.folder = folder_ / "d";
    build.size = 6;
    build.generate = 12;
    build_sudoku(build);
    data_ = std::make_shared<const Dataset>(Dataset::open({folder_ / "d"}, "train"));
    kind_ = puzzle_kind(data_->metadata().puzzle_kind, 11, 36);
  }

  Loader loader(int workers, const std::string& name = "sudoku", uint64_t seed = 1) {
    LoaderOptions options;
    options.batch_size = 5;
    options.num_workers = workers;
    options.augment = augmentation(name, kind_, seed);
    return Loader::training(data_, DatasetType::kPuzzle, 7, 30, options);
  }

  static std::vector<std::pair<Row, Row>> rest_of(Loader& loader) {
    std::vector<std::pair<Row, Row>> rows;
    while (const auto batch = loader.next()) {
      for (size_t row = 0; row < batch->rows; ++row) {
        const auto inputs = batch->input_row(row), labels = batch->label_row(row);
        rows.emplace_back(Row(inputs.begin(), inputs.end()), Row(labels.begin(), labels.end()));
      }
    }
    return rows;
  }

  testing::TemporaryFolder folder_;
  std::shared_ptr<const Dataset> data_;
  std::shared_ptr<const PuzzleKind> kind_;
};

TEST_F(Augmented, ExamplesAreNewAndRight) {
  Loader one = loader(0);
  const auto rows = rest_of(one);
  ASSERT_EQ(rows.size(), 360u);
  std::set<Row> seen;
  for (const auto& [inputs, labels] : rows) {
    Puzzle puzzle;
    puzzle.tokens = inputs;
    EXPECT_EQ(kind_->broken_rule(puzzle, labels), "");
    seen.insert(inputs);
  }
  EXPECT_GT(seen.size(), 350u) << "each drawing of a board is another image of it";
}

TEST_F(Augmented, TheSameForAnyNumberOfWorkersAndAfterResuming) {
  Loader one = loader(0);
  const auto rows = rest_of(one);
  for (const int workers : {1, 3}) {
    Loader several = loader(workers);
    EXPECT_EQ(rest_of(several), rows);
  }
  Loader first = loader(2);
  for (int i = 0; i < 17; ++i) ASSERT_TRUE(first.next());
  Loader resumed = loader(3);
  resumed.restore(first.cursor());
  EXPECT_EQ(rest_of(resumed), decltype(rows)(rows.begin() + 17 * 5, rows.end()));
  Loader other = loader(0, "sudoku", 2);
  EXPECT_NE(rest_of(other), rows);
  Loader none = loader(0, "none");
  EXPECT_EQ(rest_of(none).size(), rows.size());
}

TEST_F(Augmented, AnotherKindsSymmetriesAreRefused) {
  EXPECT_ERROR_WITH(augmentation("dihedral", kind_, 1), "augment: dihedral", "sudoku of 6 × 6", "none or sudoku");
  EXPECT_ERROR_WITH(augmentation("sudoku", puzzle_kind("maze", 6, 36), 1), "maze of 6 × 6", "none or dihedral");
  EXPECT_ERROR_WITH(augmentation("sudoku", puzzle_kind("tokens", 6, 36), 1), "none is needed");
}

}  // namespace
}  // namespace trm
