#pragma once
#include "evaluation/evaluator.h"
#include "evaluation/intervals.h"

namespace trm {

/// The accuracies after each supervision step k, what depth brings: "<set>/depth_<k>/accuracy", "exact_accuracy" and
/// "q_halt_accuracy" (eval_depths).
class Depths : public Evaluator {
 public:
  explicit Depths(std::vector<std::string> sets) : names_(std::move(sets)), sets_(names_.size()) {}

  Reads reads() const override { return {.every_step = true}; }
  void begin(const EvaluationPlace&) override { sets_.assign(names_.size(), {}); }
  void add(const ExampleSet& set, const Batch& batch, const std::vector<EvaluatedStep>& steps) override;
  Metrics metrics() override;
  std::string state() const override;
  void merge(const std::string& state) override;

 private:
  struct Depth {
    SampleMean accuracy, exact, q_halt;
  };
  std::vector<std::string> names_;
  std::vector<std::vector<Depth>> sets_;  // by set, by supervision step
};

}  // namespace trm
