#pragma once
#include "runtime/training_step.h"
#include "tests/ops/harness.h"

namespace trm::testing {

/// A run of a small model over made-up batches, and everything that it has come to.
struct SmallRun {
  static constexpr int64_t batch = 4;

  SmallRun(const ModelConfig& config, const TrainingStep::Options& options, const OptimizerSettings& settings,
           Device device)
      : model(config, device, 3, true), optimizer(model.parameters(), settings), step(model, optimizer, options) {}

  /// Micro-batches `first` to `first + count`, excluded.
  void run(int first, int count) {
    const ModelConfig& config = model.config();
    for (int i = first; i < first + count; ++i) {
      const auto seed = static_cast<uint64_t>(100 * i);
      const auto inputs = random_integers(batch * config.seq_len, 1, config.vocab_size, seed + 1);
      auto labels = random_integers(batch * config.seq_len, 1, config.vocab_size, seed + 2);
      labels[static_cast<size_t>(i) % labels.size()] = -100;
      const auto ids = random_integers(batch, 0, std::max(1, config.num_puzzle_identifiers), seed + 3);
      updates += step.run(inputs.data(), labels.data(), ids.data());
      Backend::of(model.device()).synchronize();  // the memory of the batch goes
    }
  }

  /// Every number by name: weights, moments, averages, counters, carry, puzzle rows, control, sums of metrics.
  std::map<std::string, std::vector<double>> numbers() {
    std::map<std::string, std::vector<double>> all;
    const auto add = [&](const std::string& name, const Tensor& t) {
      const Tensor here = t.to(cpu_device);
      std::vector<double>& values = all[name];
      if (here.dtype() == DType::int32)
        for (const int32_t v : here.to_vector<int32_t>()) values.push_back(v);
      else if (here.dtype() == DType::int64)
        for (const int64_t v : here.to_vector<int64_t>()) values.push_back(static_cast<double>(v));
      else if (here.dtype() == DType::boolean)
        for (const uint8_t v : here.to_vector<uint8_t>()) values.push_back(v);
      else
        for (const float v : here.to_vector<float>()) values.push_back(v);
    };
    for (const auto& p : model.parameters().all()) add(p->name, p->master);
    for (const auto& [name, t] : optimizer.state(model.parameters())) add(name, t);
    for (const auto& [name, t] : step.carry().state(model)) add("carry/" + name, t);
    for (const auto& [name, t] : step.pending_state()) add("pending/" + name, t);
    if (model.puzzle_table()) add("puzzle table", model.puzzle_table());
    for (const float v : step.control()) all["control"].push_back(v);
    return all;
  }

  Model model;
  OptimizerState optimizer;
  TrainingStep step;
  int updates = 0;
};

inline ModelConfig small_config(bool puzzles) {
  ModelConfig c;
  c.hidden_size = 64;
  c.num_heads = 2;
  c.expansion = 2;
  c.H_cycles = 2;
  c.L_cycles = 2;
  c.L_layers = 1;
  c.halt_max_steps = 3;
  c.seq_len = 14;
  c.vocab_size = 11;
  c.num_puzzle_identifiers = puzzles ? 5 : 1;
  c.puzzle_emb_ndim = puzzles ? 64 : 0;
  c.puzzle_emb_len = puzzles ? 2 : 0;
  c.halt_exploration_prob = 0.3f;
  c.loss = puzzles ? LossKind::stablemax : LossKind::softmax;
  c.causal = !puzzles;
  return c;
}

inline OptimizerSettings small_optimizer() {
  OptimizerSettings s;
  s.lr = 1e-3f;
  s.puzzle_lr = 1e-2f;
  s.schedule.warmup_steps = 2;
  s.schedule.total_steps = 20;
  s.schedule.min_ratio = 0.1f;
  s.grad_clip_norm = 1;
  s.ema = true;
  s.ema_rate = 0.9f;
  return s;
}

}  // namespace trm::testing
