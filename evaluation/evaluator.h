#pragma once
// What an evaluation makes of a model's predictions.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/batch.h"
#include "model/act.h"
#include "runtime/metrics.h"

namespace trm {

/// One supervision step of an evaluation batch, on the device. Where the heads did not run, only result.q is there.
struct EvaluatedStep {
  StepResult result;
  Tensor metrics;  // f32 [Metric::count]: sums over the batch's rows
};

/// What is read of a batch besides predictions, q and metrics of its last supervision step: heads run for nothing else.
struct Reads {
  bool logits = false;      // of the last step
  bool every_step = false;  // predictions and metrics of each step

  Reads operator|(const Reads& other) const { return {logits || other.logits, every_step || other.every_step}; }
};

/// Where the files of an evaluation go, and the optimizer step that it is of.
struct EvaluationPlace {
  std::filesystem::path folder;
  int64_t step = 0;
  bool writes = true;  // of several processes, the first; the others take part without writing
};

/// Takes the batches of an evaluation one after the other and sums what it needs of them on the host. Sums of several
/// processes, each with some of the batches, are brought together by state() and merge(), before metrics().
class Evaluator {
 public:
  virtual ~Evaluator() = default;

  virtual Reads reads() const { return {}; }
  /// Of several processes: true where add() wants each batch with the rows of all, in order (its last step's
  /// predictions, q and, if read, logits); else each process adds its own rows, and state() and merge() bring the sums
  /// together.
  virtual bool whole_batches() const { return false; }
  /// An evaluation starts: earlier sums are forgotten.
  virtual void begin(const EvaluationPlace& place) = 0;
  /// A batch of `set` (its real_rows; the rows behind are padding) and its supervision steps, the last one at the end.
  virtual void add(const ExampleSet& set, const Batch& batch, const std::vector<EvaluatedStep>& steps) = 0;
  /// After the last batch. Names are whole: "<set>/accuracy".
  virtual Metrics metrics() = 0;

  /// What was summed so far, as bytes for another process.
  virtual std::string state() const = 0;
  /// Adds what another process summed.
  virtual void merge(const std::string& state) = 0;
};

}  // namespace trm
