#pragma once
#include <filesystem>
#include <optional>
#include <span>

#include "evaluation/search.h"
#include "puzzles/arc/augmentation.h"
#include "puzzles/arc/task.h"
#include "settings/settings.h"

namespace trm {

/// What the puzzle identifiers of an ARC dataset folder stand for: identifiers.json names augmented tasks by id,
/// test_puzzles.json holds the tasks that have tests.
class ArcIdentifiers {
 public:
  struct Identifier {
    int32_t task = -1;  // index into tasks(); -1: it has no tests here
    ArcAugmentation augmentation;
  };

  /// Throws DataError naming the file that is missing or wrong.
  explicit ArcIdentifiers(std::filesystem::path folder);
  /// Of the first folder of data_paths that has them; nothing where there is none, or the puzzles are of another kind.
  static std::optional<ArcIdentifiers> find(const Settings& settings, const PuzzleKind& kind);

  const std::filesystem::path& folder() const { return folder_; }
  const std::vector<ArcTask>& tasks() const { return tasks_; }
  /// Throws DataError for one that has no name.
  const Identifier& at(int32_t identifier) const;

  /// Of the task with this test input [seq_len]: up to `count` of its augmentations, as views under their identifiers,
  /// the unchanged one first. Empty where no task has it.
  std::vector<View> views_of(std::span<const int32_t> input, int count) const;

 private:
  std::filesystem::path folder_;
  std::vector<ArcTask> tasks_;
  std::vector<Identifier> identifiers_;
};

}  // namespace trm
