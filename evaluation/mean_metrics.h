#pragma once
#include <array>

#include "device/op_types.h"
#include "evaluation/evaluator.h"

namespace trm {

/// The losses and accuracies of the last supervision step, a mean over each set's rows with a valid label.
class MeanMetrics : public Evaluator {
 public:
  /// `sets`: the names that metrics are under, by the index that batches have.
  MeanMetrics(std::vector<std::string> sets, bool continue_loss);

  void begin(const EvaluationPlace&) override;
  void add(const ExampleSet& set, const Batch& batch, const std::vector<EvaluatedStep>& steps) override;
  Metrics metrics() override;
  /// Over all sets.
  MetricsReading total();

  std::string state() const override;
  void merge(const std::string& state) override;

 private:
  struct Set {
    std::string name;
    MetricsSum sum;
    std::array<float, Metric::count> recent{};  // of the batches since they were last divided
    int batches = 0;
  };
  static void fold(Set& set);
  void fold_all();

  std::vector<Set> sets_;
  bool continue_loss_;
};

}  // namespace trm
