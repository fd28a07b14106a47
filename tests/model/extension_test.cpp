// What a mixer and a variant get by being added: gradients, decoding, sizes and checks. The toys are
// tests/model/toy_parts.h.
#include "model/decoder.h"
#include "optimizer/optimizer.h"
#include "tests/model/finite_differences.h"
#include "tests/model/toy_parts.h"

namespace trm::testing {
namespace {

class Extension : public ::testing::Test {
 protected:
  void SetUp() override { add_toys(); }
  static ModelConfig decaying() {
    ModelConfig c = gradient_config();
    c.mixer = "decay";
    c.causal = true;
    c.pos_encodings = PositionEncoding::none;
    return c;
  }
};

TEST_F(Extension, AMixerWithADerivedParameterHasRightGradients) { expect_gradients_match(decaying(), cpu_device); }

TEST_F(Extension, TheGradientOfADerivedParameterIsSummedOverTwoUsesOfItAndTwoLayers) {
  ModelConfig c = decaying();
  c.L_layers = 2;
  c.name = "two_looks";
  expect_gradients_match(c, cpu_device);
}

/// Its first level has one input, the carry: the carry may be overwritten only after the backward.
TEST_F(Extension, AOneInputLevelThatKeepsTheCarryHasRightGradients) {
  ModelConfig c = gradient_config();
  c.name = "two_looks";
  expect_gradients_match(c, cpu_device);
}

/// Kernels made in so many optimizer steps of so many micro-steps each.
int kernels_in(const ModelConfig& config, int steps, int accumulation) {
  Model model(config, cpu_device, 5, true);
  OptimizerState optimizer(model.parameters(), {});
  Carry carry = Carry::initial(model, gradient_batch);
  const DeviceBatch data = gradient_data(config, cpu_device);
  Tensor metrics = Tensor::zeros({Metric::count}, DType::float32, cpu_device);
  StepOptions options;
  options.training = true;
  const int before = kernels_made;
  for (int step = 0; step < steps; ++step) {
    for (int micro = 0; micro < accumulation; ++micro)
      supervision_step(model, carry, data, optimizer.counters(), options, metrics);
    optimizer.begin_step()();
    optimizer.update(model.parameters(), nullptr, nullptr);
  }
  return kernels_made - before;
}

TEST_F(Extension, DerivedParametersAreMadeOncePerChangeOfTheWeights) {
  ModelConfig c = decaying();
  c.L_layers = 2;
  EXPECT_EQ(kernels_in(c, 3, 1), 3 * 2);
  c.H_cycles = 2;
  c.L_cycles = 4;
  EXPECT_EQ(kernels_in(c, 3, 4), 3 * 2);
}

TEST_F(Extension, DerivedParametersFollowExchangeAndLoad) {
  ModelConfig c = decaying();
  c.puzzle_emb_ndim = 0;
  Model model(c, cpu_device, 5, true), other(c, cpu_device, 6, false);
  OptimizerSettings settings;
  settings.ema = true;
  settings.ema_rate = 0.5f;
  settings.lr = 0.1f;
  settings.schedule.decay = Decay::constant;
  OptimizerState optimizer(model.parameters(), settings);
  const DeviceBatch data = gradient_data(c, cpu_device);
  loss_of(model, data, true);
  optimizer.begin_step()();
  optimizer.update(model.parameters(), nullptr, nullptr);
  const double stepped = loss_of(model, data, false);
  const int before = kernels_made;
  optimizer.exchange_with_ema(model.parameters());
  EXPECT_EQ(kernels_made, before + 1);
  EXPECT_NE(loss_of(model, data, false), stepped);
  optimizer.exchange_with_ema(model.parameters());
  EXPECT_EQ(loss_of(model, data, false), stepped);
  other.load_state(model.state());
  EXPECT_EQ(loss_of(other, data, false), stepped);
}

/// Saved are a model's own parameters only, and all of them are counted before it is made.
TEST_F(Extension, DerivedParametersAreNeitherSavedNorCounted) {
  for (const char* mixer : {"decay", "attention"})
    for (const char* name : {"two_looks", "trm"}) {
      ModelConfig c = decaying();
      c.mixer = mixer;
      c.name = name;
      const Model model(c, cpu_device, 1, false);
      EXPECT_EQ(parameter_count(c), model.parameters().count()) << mixer << " " << name;
      for (const auto& [key, value] : model.state()) EXPECT_EQ(key.find("kernel"), std::string::npos) << key;
    }
}

TEST_F(Extension, AMixerDecodesOverItsState) {
  for (const char* name : {"trm", "two_looks"}) {
    ModelConfig c = decaying();
    c.name = name;
    c.halt_max_steps = 2;
    c.H_cycles = 2;
    const Model model(c, cpu_device, 3, false);
    const auto window = make_window_decoder(model), incremental = make_incremental_decoder(model, false);
    const auto tokens = random_integers(c.seq_len, 1, c.vocab_size, 3);
    for (int round = 0; round < 2; ++round) {  // after a reset the state is that of no position
      size_t fed = 0;
      for (const size_t piece : {size_t{3}, size_t{1}, size_t{1}, size_t{2}}) {
        const std::span<const int32_t> part(tokens.data() + fed, piece);
        const auto expected = window->feed(part), got = incremental->feed(part);
        EXPECT_LT(relative_error({got.begin(), got.end()}, widen({expected.begin(), expected.end()})), 1e-5)
            << name << " after " << fed + piece;
        fed += piece;
      }
      window->reset();
      incremental->reset();
    }
  }
}

TEST_F(Extension, StatesHaveSlots) {
  ModelConfig c = decaying();
  const Model model(c, cpu_device, 3, false);
  DepthStates states = model.empty_states(4);
  EXPECT_EQ(states.size(), static_cast<size_t>(c.halt_max_steps * model.recursion().depths()));
  EXPECT_EQ(states.at(0).tensors.at(0).size(0), 4);
  DepthStates one = states.slots(2, 1);
  one.next().tensors.at(0).copy_from_host(std::vector<float>(c.hidden_size, 7.0f).data());
  const auto all = states.at(0).tensors.at(0).to_vector<float>();
  EXPECT_EQ(all[2 * c.hidden_size], 7.0f);
  EXPECT_EQ(all[c.hidden_size], 0.0f);
  for (size_t i = 1; i < states.size(); ++i) one.next();
  EXPECT_THROW(one.next(), std::logic_error);
  model.reset(states);
  EXPECT_EQ(states.at(0).tensors.at(0).to_vector<float>(), std::vector<float>(4 * c.hidden_size, 0.0f));
}

template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

TEST_F(Extension, UnknownNamesListTheKnown) {
  ModelConfig c = gradient_config();
  c.mixer = "wavelet";
  EXPECT_NE(error_of([&] { c.validate(); }).find("arch.mixer: got 'wavelet', takes one of attention, mlp, decay"),
            std::string::npos);
  c = gradient_config();
  c.name = "gpt";
  EXPECT_NE(error_of([&] { c.validate(); }).find("arch.name: got 'gpt', takes one of trm, "), std::string::npos);
  EXPECT_THROW(mixers::add({.name = "attention"}, {}), std::logic_error);
}

TEST_F(Extension, MixersThatSeeTheFutureAreNotCausal) {
  ModelConfig c = gradient_config();
  c.mixer = "mlp";
  EXPECT_TRUE(Model(c, cpu_device, 1, false).sees_future());
  EXPECT_THROW(Model(c, cpu_device, 1, false).empty_states(1), std::logic_error);
  c.causal = true;
  EXPECT_NE(error_of([&] { c.validate(); }).find("future"), std::string::npos);
  c.mixer = "attention";
  EXPECT_FALSE(Model(c, cpu_device, 1, false).sees_future());
}

}  // namespace
}  // namespace trm::testing
