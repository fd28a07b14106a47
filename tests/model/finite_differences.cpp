#include "tests/model/finite_differences.h"

#include <algorithm>
#include <cmath>

namespace trm::testing {
namespace {

constexpr float step = 5e-3f;

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

/// Derivative along a direction in one tensor.
double directional(Model& model, const DeviceBatch& data, const Tensor& master, const std::vector<float>& direction,
                   const std::vector<float>& target) {
  const auto original = master.to_vector<float>();
  double loss[2];
  for (int side = 0; side < 2; ++side) {
    auto moved = original;
    for (size_t i = 0; i < moved.size(); ++i) moved[i] += (side ? -step : step) * direction[i];
    master.copy_from_host(moved.data());
    model.parameters().refresh();
    loss[side] = loss_of(model, data, false, nullptr, target);
  }
  master.copy_from_host(original.data());
  model.parameters().refresh();
  return (loss[0] - loss[1]) / (2 * step);
}

/// Three random directions of length 1, each compared on the scale that such a product has: |gradient| / √n, and on a
/// floor for what float32 can tell.
void expect_match(Model& model, const DeviceBatch& data, const Tensor& master, const std::vector<float>& gradient,
                  const std::vector<float>& target, const std::string& name) {
  const double norm = std::sqrt(dot(gradient, gradient)),
               typical = norm / std::sqrt(static_cast<double>(gradient.size()));
  ASSERT_GT(norm, 1e-3) << name << " has hardly a gradient";
  for (uint64_t seed = 0; seed < 3; ++seed) {
    auto direction =
        random_values(static_cast<int64_t>(gradient.size()), DType::float32, 1000 + seed * 131 + gradient.size());
    const auto length = static_cast<float>(std::sqrt(dot(direction, direction)));
    for (float& d : direction) d /= length;
    const double analytic = dot(gradient, direction);
    EXPECT_NEAR(directional(model, data, master, direction, target), analytic,
                5e-2 * std::max(typical, std::abs(analytic)) + 2e-4)
        << name;
  }
  // And along the gradient, where the derivative is largest.
  auto along = gradient;
  for (float& g : along) g /= static_cast<float>(norm);
  EXPECT_NEAR(directional(model, data, master, along, target), norm, 2e-2 * norm + 2e-4) << name;
}

}  // namespace

ModelConfig gradient_config() {
  ModelConfig c;
  c.hidden_size = 16;
  c.num_heads = 2;
  c.expansion = 1;
  c.H_cycles = 1;
  c.L_cycles = 2;
  c.L_layers = 1;
  c.halt_max_steps = 1;
  c.forward_dtype = DType::float32;
  c.seq_len = 7;
  c.vocab_size = 11;
  c.num_puzzle_identifiers = 3;
  c.puzzle_emb_ndim = 24;
  c.puzzle_emb_len = 2;
  return c;
}

DeviceBatch gradient_data(const ModelConfig& config, Device device) {
  const int64_t count = gradient_batch * config.seq_len;
  auto labels = random_integers(count, 1, config.vocab_size, 2);
  labels[2] = labels[9] = -100;
  const Shape shape{gradient_batch, config.seq_len};
  return {Tensor::from(random_integers(count, 1, config.vocab_size, 1), shape, device),
          Tensor::from(labels, shape, device), Tensor::from(std::vector<int32_t>{2, 0, 1}, {gradient_batch}, device)};
}

void stir(Model& model) {
  const ModelConfig& config = model.config();
  model.q_weight().master.copy_from_host(random_values(2 * config.hidden_size, DType::float32, 4, 0.3f).data());
  if (model.puzzle_table())
    model.puzzle_table().copy_from_host(random_values(3 * config.puzzle_emb_ndim, DType::float32, 6, 0.2f).data());
}

double loss_of(Model& model, const DeviceBatch& data, bool training, StepResult* result,
               const std::vector<float>& target) {
  Carry carry = Carry::initial(model, gradient_batch);
  Tensor counters = Tensor::zeros({Counter::count}, DType::int64, model.device());
  Tensor metrics = Tensor::zeros({Metric::count}, DType::float32, model.device());
  StepOptions options;
  options.training = training;
  const StepResult given = supervision_step(model, carry, data, counters, options, metrics);
  if (result) *result = given;
  const auto sums = metrics.to_vector<float>();
  double q_loss = sums[Metric::q_halt_loss] + sums[Metric::q_continue_loss];
  if (!target.empty()) {
    q_loss = sums[Metric::q_halt_loss];
    const auto q = given.q.to_vector<float>();
    for (size_t b = 0; b < target.size(); ++b)
      q_loss += std::max(q[2 * b + 1], 0.0f) - q[2 * b + 1] * target[b] + std::log1p(std::exp(-std::abs(q[2 * b + 1])));
  }
  return sums[Metric::lm_loss] + options.weights.q * q_loss;
}

void expect_gradients_match(const ModelConfig& config, Device device) {
  Model model(config, device, 5, true);
  stir(model);
  const DeviceBatch data = gradient_data(config, device);
  StepResult result;
  loss_of(model, data, true, &result);
  std::vector<float> target;
  if (result.target_q_continue) target = result.target_q_continue.to_vector<float>();
  for (const auto& p : model.parameters().all())
    expect_match(model, data, p->master, p->gradient.to_vector<float>(), target, p->name);
  if (!model.puzzle_table()) return;
  // Row b of the gradient belongs to identifier {2, 0, 1}[b].
  const auto rows = result.puzzle_gradient.to_vector<float>();
  const int64_t width = config.puzzle_emb_ndim;
  std::vector<float> gradient(3 * width);
  for (int b = 0; b < 3; ++b)
    for (int64_t i = 0; i < width; ++i) gradient[((b + 2) % 3) * width + i] = rows[b * width + i];
  expect_match(model, data, model.puzzle_table(), gradient, target, "the puzzle table");
}

}  // namespace trm::testing
