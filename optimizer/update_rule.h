#pragma once
#include <memory>
#include <string>
#include <vector>

#include "autograd/parameter.h"
#include "device/op_types.h"
#include "optimizer/settings.h"

namespace trm {

/// What a rule updates in one step, and with what: a span of the flat buffers, or rows of a table.
struct UpdateTarget {
  Tensor values;              // f32 [n]; a table: f32 [P, W]
  Tensor gradients;           // f32 [n], to be scaled by control[clip]; of a table: its rows f32 [R, W]
  Tensor ids;                 // i32 [R], the table's rows that the gradients belong to; undefined for a span
  std::vector<Tensor> state;  // f32 [n] each, zero before the first step; see state_names
  Tensor ema, narrow;         // moving average f32 [n], bfloat16 copy [n]; undefined: not kept
  Tensor rates;               // f32 [Rate::count]
  float weight_decay = 0;
};

/// How parameters change in a step. All of it is work on the device with data that stays where it is, so that a step
/// can be captured.
class UpdateRule {
 public:
  virtual ~UpdateRule() = default;

  /// Names of what is kept for each parameter besides its value; a checkpoint holds optimizer/<name>/<parameter>.
  virtual std::vector<std::string> state_names() const { return {}; }
  /// Whether update() writes ema and narrow in its own pass; else they follow in another.
  virtual bool writes_copies() const { return false; }
  /// One step. Nothing may change where control[apply] is 0: the gradients have a NaN or an infinity then.
  virtual void update(UpdateTarget& target, const Tensor& control) const = 0;
};

/// Parameters that one rule updates at one learning rate and weight decay.
struct ParameterGroup {
  std::shared_ptr<UpdateRule> rule;
  ParameterSpan span;
  std::string rate_name;  // the settings key of its peak learning rate, and its name in the metrics
  float lr = 0, weight_decay = 0;
};

// The rules, one a file. state_names of both Adams: exp_avg, exp_avg_sq.
std::shared_ptr<UpdateRule> make_adamw(const OptimizerSettings& settings);
/// Everett et al., "Scaling exponents across parameterizations and optimizers", arXiv 2407.05872
std::shared_ptr<UpdateRule> make_adam_atan2(const OptimizerSettings& settings);
/// For the matrices of the blocks (store.matrices()); keeps momentum_buffer. K. Jordan, "Muon", 2024; as in arXiv 2601.19085.
std::shared_ptr<UpdateRule> make_muon(const OptimizerSettings& settings, const ParameterStore& store);
/// For rows of a table: w ← w(1 - lr·wd) - lr·sign(Σ gradients of its row), the rows in `ids` only.
std::shared_ptr<UpdateRule> make_sign_sgd();

}  // namespace trm
