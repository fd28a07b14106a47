#include "runtime/evaluation_step.h"

namespace trm {

EvaluationStep::EvaluationStep(const Model& model, int64_t batch)
    : model_(model), batch_(batch), metrics_(Tensor::zeros({Metric::count}, DType::float32, model.device())),
      scratch_(Tensor::zeros({Metric::count}, DType::float32, model.device())), counters_(Tensor::zeros({Counter::count}, DType::int64, model.device())) {}

StepResult EvaluationStep::run(const int32_t* inputs, const int32_t* labels, const int32_t* puzzle_identifiers, bool keep) {
  const Device device = model_.device();
  const int64_t S = model_.config().seq_len;
  const DeviceBatch batch{Tensor::from_bytes(inputs, {batch_, S}, DType::int32, device), Tensor::from_bytes(labels, {batch_, S}, DType::int32, device),
                    Tensor::from_bytes(puzzle_identifiers, {batch_}, DType::int32, device)};
  Carry carry = Carry::initial(model_, batch_);
  StepResult result;
  const int steps = model_.config().halt_max_steps;
  for (int step = 1; step <= steps; ++step) {
    const bool last = step == steps;
    StepOptions options;
    options.keep_logits = keep && last;
    result = supervision_step(model_, carry, batch, counters_, options, last ? metrics_ : scratch_);
  }
  return result;
}

MetricsReading EvaluationStep::read_metrics() {
  auto sums = metrics_.to_vector<float>();
  metrics_.fill_zero();
  // Rows without a valid label, padding among them, count nowhere.
  sums[Metric::q_halt_loss] = sums[Metric::counted_q_halt_loss];
  sums[Metric::q_continue_loss] = sums[Metric::counted_q_continue_loss];
  return divide_metrics(sums, sums[Metric::rows]);
}

}  // namespace trm
