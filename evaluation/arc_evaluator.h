#pragma once
#include "evaluation/arc_identifiers.h"
#include "evaluation/arc_votes.h"
#include "evaluation/evaluator.h"

namespace trm {

/// arc@ARC: votes over the augmentations of each test input of one dataset folder, ranked by (count, mean σ(q_halt)).
/// Metrics "<name>/pass@K": the share of right test inputs within the first K, a mean over tasks. Writes
/// evaluator_<name>_step_<n>/submission.json below the place of the evaluation: {"task": [{"attempt_1": grid, …}, …]}.
/// As in the Python project's evaluators/arc.py; with aggregated_voting, votes of earlier evaluations count too.
class ArcEvaluator : public Evaluator {
 public:
  /// Of a dataset folder: identifiers.json and test_puzzles.json. Throws DataError naming what is missing or wrong.
  ArcEvaluator(const std::filesystem::path& dataset, std::string name, EvaluatorSettings settings,
               int32_t blank_identifier_id);

  void begin(const EvaluationPlace& place) override;
  void add(const ExampleSet& set, const Batch& batch, const std::vector<EvaluatedStep>& steps) override;
  Metrics metrics() override;
  std::string state() const override { return votes_.state(); }
  void merge(const std::string& state) override { votes_.merge(state); }

 private:
  void write_submission() const;

  ArcIdentifiers identifiers_;
  std::string name_;
  EvaluatorSettings settings_;
  int32_t blank_;
  ArcVotes votes_, earlier_;  // of this evaluation, of those before it
  EvaluationPlace place_;
};

/// The key of a test input among the votes.
std::string arc_vote_key(const std::string& task, const ArcGrid& input);

}  // namespace trm
