#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "data/batch.h"
#include "model/act.h"

namespace trm {

/// What an evaluation predicted, as NumPy files <folder>/<set>__<name>.npy with a row an example, in the order of the
/// dataset (eval_save_outputs). Names: inputs, labels, puzzle_identifiers, preds (int32), logits, q_halt_logits,
/// q_continue_logits (float32). The folder has its name once it is complete.
class SavedOutputs {
 public:
  /// Throws std::runtime_error naming one that there is not, and those that there are.
  static void require_known(const std::vector<std::string>& names);

  SavedOutputs(std::filesystem::path folder, std::vector<std::string> names);
  ~SavedOutputs();
  bool wants(const std::string& name) const;
  /// The real rows of a batch of `set`. Throws std::runtime_error naming the file where writing fails.
  void add(const ExampleSet& set, const Batch& batch, const StepResult& result);
  void finish();

 private:
  std::filesystem::path folder_, temporary_;
  std::vector<std::string> names_;
  std::map<std::string, std::ofstream> files_;
};

}  // namespace trm
