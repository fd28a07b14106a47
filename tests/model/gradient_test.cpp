// Every parameter's gradient of the whole step against finite differences of its own loss. This is the proof that needs
// no reference material; tests/golden compares with the reference's numbers.
#include "arch/facts.h"
#include "tests/model/finite_differences.h"

namespace trm::testing {
namespace {

struct Case {
  const char* name;
  void (*change)(ModelConfig&);
};

class ModelGradient : public ::testing::TestWithParam<std::tuple<Device, Case>> {};

TEST(ParameterCount, IsKnownBeforeAModelIsMade) {
  for (const arch::VariantFacts& variant : arch::variants())
    for (const bool learned : {false, true})
      for (const bool mixing : {false, true}) {
        ModelConfig config = gradient_config();
        config.name = variant.name;
        config.H_layers = 2;
        config.L_layers = 3;
        config.L_cycles = 6;
        config.mixer = mixing ? "mlp" : "attention";
        config.pos_encodings = learned ? PositionEncoding::learned : PositionEncoding::none;
        EXPECT_EQ(parameter_count(config), Model(config, cpu_device, 1, false).parameters().count())
            << variant.name << learned << mixing;
      }
}

TEST_P(ModelGradient, MatchesFiniteDifferences) {
  const auto& [device, c] = GetParam();
  ModelConfig config = gradient_config();
  c.change(config);
  expect_gradients_match(config, device);
}

const Case cases[] = {
    {"attention", [](ModelConfig&) {}},
    {"mlp_t",
     [](ModelConfig& c) {
       c.mixer = "mlp";
       c.pos_encodings = PositionEncoding::none;
     }},
    {"learned", [](ModelConfig& c) { c.pos_encodings = PositionEncoding::learned; }},
    {"causal_last",
     [](ModelConfig& c) {
       c.causal = true;
       c.q_position = QPosition::last;
       c.loss = LossKind::softmax;
       c.puzzle_emb_ndim = 0;
     }},
    {"baseline",
     [](ModelConfig& c) {
       c.name = "transformers_baseline";
       c.H_layers = 2;
     }},
    {"singlez", [](ModelConfig& c) { c.name = "trm_singlez"; }},
    {"hier6",
     [](ModelConfig& c) {
       c.name = "trm_hier6";
       c.L_cycles = 6;
     }},
    // One L cycle: HRM trains through the last only.
    {"hrm",
     [](ModelConfig& c) {
       c.name = "hrm";
       c.H_layers = c.L_cycles = 1;
     }},
    // Two steps: the target is the larger of halting and continuing there.
    {"continue_loss",
     [](ModelConfig& c) {
       c.no_ACT_continue = false;
       c.halt_max_steps = 2;
     }},
};

INSTANTIATE_TEST_SUITE_P(Devices, ModelGradient,
                         ::testing::Combine(::testing::ValuesIn(devices_under_test()), ::testing::ValuesIn(cases)),
                         [](const auto& info) {
                           return std::string(name_of(std::get<0>(info.param).kind)) + "_" +
                                  std::get<1>(info.param).name;
                         });

}  // namespace
}  // namespace trm::testing
