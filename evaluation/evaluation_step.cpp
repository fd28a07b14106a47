#include "evaluation/evaluation_step.h"

namespace trm {

EvaluationStep::EvaluationStep(const Model& model, int64_t batch)
    : model_(model), batch_(batch), counters_(Tensor::zeros({Counter::count}, DType::int64, model.device())) {}

std::vector<EvaluatedStep> EvaluationStep::run(const int32_t* inputs, const int32_t* labels,
                                               const int32_t* puzzle_identifiers, const Reads& reads) {
  const Device device = model_.device();
  const int64_t S = model_.config().seq_len;
  const DeviceBatch batch{Tensor::from_bytes(inputs, {batch_, S}, DType::int32, device),
                          Tensor::from_bytes(labels, {batch_, S}, DType::int32, device),
                          Tensor::from_bytes(puzzle_identifiers, {batch_}, DType::int32, device)};
  Carry carry = Carry::initial(model_, batch_);
  std::vector<EvaluatedStep> steps(static_cast<size_t>(model_.config().halt_max_steps));
  for (EvaluatedStep& step : steps) {
    const bool last = &step == &steps.back();
    StepOptions options;
    options.heads = last || reads.every_step;
    options.keep_logits = reads.logits && last;
    if (options.heads) step.metrics = Tensor::zeros({Metric::count}, DType::float32, device);
    step.result = supervision_step(model_, carry, batch, counters_, options, step.metrics);
  }
  return steps;
}

}  // namespace trm
