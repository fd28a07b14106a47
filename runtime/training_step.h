#pragma once
#include <functional>
#include <memory>
#include <string>

#include "device/arena.h"
#include "device/backend.h"
#include "device/rules.h"
#include "distributed/communicator.h"
#include "distributed/rows.h"
#include "model/act.h"
#include "optimizer/optimizer.h"
#include "runtime/metrics.h"

namespace trm {

/// The whole training step on one device: supervision step, backward, and at every `accumulation`-th call the optimizer. Memory comes from an arena of its
/// own at stable addresses; where the device captures, the two halves are recorded once and replayed (DISABLE_COMPILE turns that off, with equal bits).
/// Of several processes each runs its rows of the global batch; between the halves the gradients are summed and the puzzle rows gathered, so that all make the
/// same update. run, read_metrics and bring_sums_together are then called by all of them alike.
class TrainingStep {
 public:
  struct Options {
    RowRange rows;  // of the global batch: those of this process
    int accumulation = 1;
    uint64_t seed = 0;
    bool compile = false;                    // see compile_rule
    Communicator* communicator = nullptr;    // null: one process
  };
  TrainingStep(Model& model, OptimizerState& optimizer, const Options& options);
  ~TrainingStep();

  /// One micro-batch from host memory (Backend::allocate_host where uploads shall overlap), B = rows.count: inputs, labels int32 [B, S], puzzle identifiers int32 [B]. The memory
  /// may be reused after the next call of run. Returns true when the optimizer stepped.
  bool run(const int32_t* inputs, const int32_t* labels, const int32_t* puzzle_identifiers);

  /// Waits for the device, reads the sums (over all processes) and clears them.
  MetricsReading read_metrics();
  /// lr, grad_norm, … of the last optimizer step (Control::*) and the counters (Counter::*); waits for the device.
  std::vector<float> control() const { return optimizer_.control().to_vector<float>(); }
  std::vector<int64_t> counters() const { return optimizer_.counters().to_vector<int64_t>(); }

  Carry& carry() { return carry_; }
  /// Micro-batches since the last optimizer step; set when resuming.
  int pending() const { return pending_; }
  /// What a resumed run needs besides model, optimizer and carry: gradients and puzzle gradients of pending micro-batches, by name.
  std::map<std::string, Tensor> pending_state() const;
  /// Metrics and pending gradients are sums that each process has its part of: afterwards the first has all, and the others go on from zero.
  void bring_sums_together();
  const Options& options() const { return options_; }
  /// Micro-batches since the metrics were read: the divisor of the losses.
  double micro_batches() const { return micro_batches_; }
  void set_pending(int pending, double micro_batches) {
    pending_ = pending;
    micro_batches_ = micro_batches;
  }
  bool captured() const { return update_.graph != nullptr; }

 private:
  void micro_step(int place);
  void exchange_gradients();
  bool alone() const { return !options_.communicator || options_.communicator->alone(); }
  /// A piece of work that is run eagerly once, then recorded and replayed where compile is on.
  struct Recorded {
    bool warm = false;
    bool native = true;  // nothing of it has fallen back to the cpu
    std::unique_ptr<Graph> graph;
  };
  void execute(Recorded& recorded, const std::function<void()>& work);

  Model& model_;
  OptimizerState& optimizer_;
  Options options_;
  Backend& backend_;
  std::shared_ptr<Arena> arena_;
  Carry carry_;
  DeviceBatch staged_[2], incoming_;
  std::vector<std::function<void()>> uploads_[2];  // each waits for one
  int parity_ = 0, pending_ = 0;
  Tensor metrics_;                // f32 [Metric::count]
  PuzzleGradients puzzle_;        // [accumulation · B, ndim], [accumulation · B]
  PuzzleGradients all_puzzle_;    // of the global batch: puzzle_ itself where there is one process
  std::vector<Recorded> micro_steps_;  // one per place among the accumulated micro-batches with puzzle embeddings, else one
  Recorded update_;
  double micro_batches_ = 0;  // since the metrics were read
};

}  // namespace trm
