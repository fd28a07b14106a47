#pragma once
#include <memory>

#include "evaluation/evaluator.h"
#include "evaluation/intervals.h"
#include "puzzles/puzzle_kind.h"

namespace trm {

/// What can be said of each set's accuracies beside their means: 95 % confidence intervals "<set>/accuracy_low" and
/// "_high", "<set>/exact_accuracy_low" and "_high"; and of puzzles that have several right answers (mazes)
/// "<set>/lenient_accuracy", with the interval: the share whose answer is right by the rules, whichever it is.
class Accuracy : public Evaluator {
 public:
  /// `kind`: of the puzzles; null where there are none.
  Accuracy(std::vector<std::string> sets, std::shared_ptr<const PuzzleKind> kind);

  void begin(const EvaluationPlace&) override;
  void add(const ExampleSet& set, const Batch& batch, const std::vector<EvaluatedStep>& steps) override;
  Metrics metrics() override;
  std::string state() const override;
  void merge(const std::string& state) override;

 private:
  struct Set {
    std::string name;
    SampleMean accuracy;
    int64_t exact = 0, lenient = 0;
  };
  bool lenient() const { return kind_ && kind_->several_answers(); }

  std::vector<Set> sets_;
  std::shared_ptr<const PuzzleKind> kind_;
};

}  // namespace trm
