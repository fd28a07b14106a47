#pragma once
// ARC tasks as JSON: one task {"train": [{"input": [[0, …], …], "output": …}, …], "test": …}, or many by their ids.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "puzzles/arc/grid.h"

namespace trm {

struct ArcPair {
  ArcGrid input;
  std::optional<ArcGrid> output;  // always there in training pairs
};

struct ArcTask {
  std::string id;
  std::vector<ArcPair> train, test;
};

/// `name` is what messages call the text; a single task is given it as its id. Throws PuzzleError that names the text
/// and the place: task, pair, row, column.
std::vector<ArcTask> read_arc_tasks(std::string_view text, const std::string& name);

/// Gives the test pairs the outputs of a solutions file, {"id": [[[0, …], …], …], …}. Throws PuzzleError as above, and
/// where tasks or their numbers of test outputs do not match.
void add_arc_solutions(std::vector<ArcTask>& tasks, std::string_view text, const std::string& name);

/// [[0,1],[2,3]]
std::string arc_json(const ArcGrid& grid);
/// {"train":[{"input":…,"output":…},…],"test":[…]}
std::string arc_json(const ArcTask& task);

}  // namespace trm
