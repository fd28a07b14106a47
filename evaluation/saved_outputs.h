#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/npy.h"
#include "evaluation/evaluator.h"

namespace trm {

/// What an evaluation predicted, as NumPy files step_<n>_outputs/<set>__<name>.npy with a row an example, in the order
/// of the dataset (eval_save_outputs). Names: inputs, labels, puzzle_identifiers, preds (int32), logits, q_halt_logits,
/// q_continue_logits (float32). The folder has its name once it is complete.
/// Failing to write is a complaint, once: the outputs of this evaluation are then not saved.
class SavedOutputs : public Evaluator {
 public:
  /// Throws std::runtime_error naming one that there is not, and those that there are.
  static void require_known(const std::vector<std::string>& names);

  /// Throws as above.
  explicit SavedOutputs(std::vector<std::string> names);
  ~SavedOutputs() override;

  Reads reads() const override;
  void begin(const EvaluationPlace& place) override;
  bool whole_batches() const override { return true; }
  void add(const ExampleSet& set, const Batch& batch, const std::vector<EvaluatedStep>& steps) override;
  /// Completes the folder; there are no metrics in it.
  Metrics metrics() override;

  std::string state() const override { return ""; }
  void merge(const std::string&) override {}

 private:
  void try_to(const std::function<void()>& act);
  void write(const ExampleSet& set, const Batch& batch, const StepResult& result);
  void finish();

  std::filesystem::path folder_, temporary_;
  std::vector<std::string> names_;
  std::map<std::string, NpyWriter> files_;  // by path
  bool writes_ = true, failed_ = false;
};

}  // namespace trm
