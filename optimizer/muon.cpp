#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "device/ops.h"
#include "optimizer/update_rule.h"

namespace trm {
namespace {

/// Matrices of one shape, at these elements of the group's span.
struct Batch {
  int64_t rows, columns;
  Tensor offsets;  // i64 [count]

  /// The step of a matrix that is higher than wide is longer by the root of that.
  float scale() const {
    return static_cast<float>(std::sqrt(std::max(1.0, static_cast<double>(rows) / static_cast<double>(columns))));
  }
};

class Muon final : public UpdateRule {
 public:
  Muon(const MuonSettings& settings, const ParameterStore& store)
      : momentum_(settings.momentum), steps_(settings.steps) {
    std::map<std::pair<int64_t, int64_t>, std::vector<int64_t>> found;
    for (const auto& p : store.all()) {
      if (p->role != ParameterRole::matrix) continue;
      const int64_t blocks = settings.split_heads ? p->row_blocks : 1;
      if (p->shape.rank() != 2 || p->shape[0] % blocks != 0)
        throw std::logic_error("parameter " + p->name + " " + to_string(p->shape) + " is no matrix of " +
                               std::to_string(blocks) + " blocks of rows");
      const int64_t rows = p->shape[0] / blocks, columns = p->shape[1],
                    first = store.offset(*p) - store.matrices().first;
      for (int64_t i = 0; i < blocks; ++i) found[{rows, columns}].push_back(first + i * rows * columns);
    }
    for (const auto& [shape, offsets] : found)
      batches_.push_back(
          {shape.first, shape.second, Tensor::from(offsets, {static_cast<int64_t>(offsets.size())}, store.device())});
  }

  std::vector<std::string> state_names() const override { return {"momentum_buffer"}; }
  bool writes_copies() const override { return true; }
  void update(UpdateTarget& target, const Tensor& control) const override {
    Tensor u = Tensor::empty(target.values.shape(), DType::float32, target.values.device());
    ops::muon_momentum(target.gradients, control, momentum_, target.state[0], u);
    NewtonSchulz iteration;
    iteration.steps = steps_;
    for (const Batch& batch : batches_)
      ops::newton_schulz(batch.offsets, batch.rows, batch.columns, iteration, batch.scale(), u);
    ops::muon_step(u, control, target.rates, target.weight_decay, target.values, target.ema, target.narrow);
  }

 private:
  float momentum_;
  int steps_;
  std::vector<Batch> batches_;
};

}  // namespace

std::shared_ptr<UpdateRule> make_muon(const OptimizerSettings& settings, const ParameterStore& store) {
  return std::make_shared<Muon>(settings.muon, store);
}

}  // namespace trm
