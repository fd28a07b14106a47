// Every parameter's gradient of the whole step against finite differences of its own loss, with one H cycle (so that everything is trained through). This is the
// proof that needs no reference material; tests/golden compares with the reference's numbers.
#include "model/act.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

struct Case {
  const char* name;
  void (*change)(ModelConfig&);
};

class ModelGradient : public ::testing::TestWithParam<std::tuple<Device, Case>> {};

ModelConfig base_config() {
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

constexpr int64_t batch = 3;

/// The loss summed over rows, from a fresh carry; with gradients if asked for.
double loss_of(Model& model, const DeviceBatch& data, bool training, Tensor* puzzle_gradient = nullptr) {
  Carry carry = Carry::initial(model, batch);
  Tensor counters = Tensor::zeros({Counter::count}, DType::int64, model.device());
  Tensor metrics = Tensor::zeros({Metric::count}, DType::float32, model.device());
  StepOptions options;
  options.training = training;
  const StepResult result = supervision_step(model, carry, data, counters, options, metrics);
  if (puzzle_gradient) *puzzle_gradient = result.puzzle_gradient;
  const auto sums = metrics.to_vector<float>();
  return sums[Metric::lm_loss] + 0.5 * (sums[Metric::q_halt_loss] + sums[Metric::q_continue_loss]);
}

/// Derivative along a random direction in one tensor.
double directional(Model& model, const DeviceBatch& data, const Tensor& master, const std::vector<float>& direction) {
  const auto original = master.to_vector<float>();
  const float step = 1.5e-3f;
  double loss[2];
  for (int side = 0; side < 2; ++side) {
    auto moved = original;
    for (size_t i = 0; i < moved.size(); ++i) moved[i] += (side ? -step : step) * direction[i];
    master.copy_from_host(moved.data());
    model.parameters().refresh();
    loss[side] = loss_of(model, data, false);
  }
  master.copy_from_host(original.data());
  model.parameters().refresh();
  return (loss[0] - loss[1]) / (2 * step);
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

/// The derivative along three random directions that know nothing of the gradient (a gradient of which parts are missing or wrong differs along almost every one),
/// within a share of what such a derivative is: |g| for normal values of deviation 1. The gradient must be large enough to be measured.
void expect_gradient(Model& model, const DeviceBatch& data, const Tensor& master, const std::vector<float>& gradient, const std::string& name, uint64_t seed) {
  const double norm = std::sqrt(dot(gradient, gradient));
  ASSERT_GT(norm, 4e-3) << name << ": too small a gradient for finite differences of float32";
  for (int i = 0; i < 3; ++i) {
    const auto direction = random_values(static_cast<int64_t>(gradient.size()), DType::float32, seed + static_cast<uint64_t>(i));
    EXPECT_NEAR(directional(model, data, master, direction), dot(gradient, direction), 1.5e-2 * norm + 5e-4) << name << ", direction " << i;
  }
}

TEST(ParameterCount, IsKnownBeforeAModelIsMade) {
  for (const auto variant : {Variant::trm, Variant::trm_singlez, Variant::trm_hier6, Variant::hrm, Variant::transformers_baseline})
    for (const bool learned : {false, true})
      for (const bool mixing : {false, true}) {
        ModelConfig config = base_config();
        config.variant = variant;
        config.H_layers = 2;
        config.L_layers = 3;
        config.L_cycles = 6;
        config.mixer = mixing ? "mlp" : "attention";
        config.pos_encodings = learned ? PositionEncoding::learned : PositionEncoding::none;
        EXPECT_EQ(parameter_count(config), Model(config, cpu_device, 1, false).parameters().count()) << static_cast<int>(variant) << learned << mixing;
      }
}

TEST_P(ModelGradient, MatchesFiniteDifferences) {
  const auto& [device, c] = GetParam();
  ModelConfig config = base_config();
  c.change(config);
  Model model(config, device, 5, true);
  // The q head starts at zero, which would hide its gradient with respect to the latents.
  model.q_weight().master.copy_from_host(random_values(2 * config.hidden_size, DType::float32, 4, 0.3f).data());
  if (model.puzzle_table()) model.puzzle_table().copy_from_host(random_values(3 * config.puzzle_emb_ndim, DType::float32, 6, 0.2f).data());
  auto labels = random_integers(batch * config.seq_len, 1, config.vocab_size, 2);
  labels[2] = labels[9] = -100;
  const DeviceBatch data{Tensor::from(random_integers(batch * config.seq_len, 1, config.vocab_size, 1), {batch, config.seq_len}, device),
                         Tensor::from(labels, {batch, config.seq_len}, device), Tensor::from(std::vector<int32_t>{2, 0, 1}, {batch}, device)};
  Tensor puzzle_gradient;
  loss_of(model, data, true, &puzzle_gradient);
  uint64_t seed = 100;
  for (const auto& p : model.parameters().all()) {
    expect_gradient(model, data, p->master, p->gradient.to_vector<float>(), p->name, seed);
    seed += 3;
  }
  if (!model.puzzle_table()) return;
  // Row b of the gradient belongs to identifier {2, 0, 1}[b].
  const auto rows = puzzle_gradient.to_vector<float>();
  const int64_t width = config.puzzle_emb_ndim;
  std::vector<float> gradient(3 * width);
  for (int b = 0; b < 3; ++b)
    for (int64_t i = 0; i < width; ++i) gradient[((b + 2) % 3) * width + i] = rows[b * width + i];
  expect_gradient(model, data, model.puzzle_table(), gradient, "puzzle rows", seed);
}

INSTANTIATE_TEST_SUITE_P(
    Devices, ModelGradient,
    ::testing::Combine(::testing::ValuesIn(devices_under_test()),
                       ::testing::Values(Case{"attention", [](ModelConfig&) {}}, Case{"mlp_t", [](ModelConfig& c) { c.mixer = "mlp"; c.pos_encodings = PositionEncoding::none; }},
                                         Case{"learned", [](ModelConfig& c) { c.pos_encodings = PositionEncoding::learned; }},
                                         Case{"causal_last", [](ModelConfig& c) { c.causal = true; c.q_position = QPosition::last; c.loss = LossKind::softmax; c.puzzle_emb_ndim = 0; }},
                                         Case{"baseline", [](ModelConfig& c) { c.variant = Variant::transformers_baseline; c.H_layers = 2; }},
                                         Case{"singlez", [](ModelConfig& c) { c.variant = Variant::trm_singlez; }})),
    [](const auto& info) { return std::string(name_of(std::get<0>(info.param).kind)) + "_" + std::get<1>(info.param).name; });

}  // namespace
}  // namespace trm::testing
