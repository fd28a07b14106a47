#include "settings/validate.h"

#include "tests/settings/configs.h"

namespace trm::testing {
namespace {

/// What validate says of the defaults changed by `change`.
template <class Change>
std::string complaint(Change change) {
  Settings s;
  change(s);
  return message_of([&] { validate(s); });
}

TEST(Validate, TheDefaultsAreFine) { EXPECT_NO_THROW(validate(Settings{})); }

TEST(Validate, ValuesOutOfRange) {
  expect_all(complaint([](Settings& s) { s.global_batch_size = 0; }), {"global_batch_size", "'0'", "at least 1"});
  expect_all(complaint([](Settings& s) { s.lr = -1; }), {"lr", "'-1.0'"});
  expect_all(complaint([](Settings& s) { s.arch.name = "gpt"; }), {"arch.name", "'gpt'", "trm_hier6"});
  expect_all(complaint([](Settings& s) { s.max_steps = 0; }), {"max_steps", "'0'"});
}

TEST(Validate, HeadSizes) {
  expect_all(complaint([](Settings& s) { s.arch.hidden_size = 40; }), {"rope", "40", "/ num_heads 8", "= 5", "odd"});
  expect_all(complaint([](Settings& s) { s.arch.num_heads = 513; }), {"arch.num_heads", "513", "512"});
  Settings s;
  s.arch.num_heads = 12;  // floor(512 / 12) = 42
  EXPECT_NO_THROW(validate(s));
  s.arch.hidden_size = 40;
  s.arch.num_heads = 8;
  s.arch.pos_encodings = "learned";
  EXPECT_NO_THROW(validate(s));
  s.arch.pos_encodings = "rope";
  s.arch.mlp_t = true;
  s.arch.mixer = "mlp";
  EXPECT_NO_THROW(validate(s)) << "no attention, no heads";
}

TEST(Validate, Contradictions) {
  expect_all(complaint([](Settings& s) {
               s.arch.mlp_t = s.arch.causal = true;
               s.arch.mixer = "mlp";
             }),
             {"arch.mlp_t", "arch.causal"});
  expect_all(complaint([](Settings& s) { s.arch.mlp_t = true; }), {"arch.mlp_t", "true", "arch.mixer", "attention"});
  expect_all(complaint([](Settings& s) { s.arch.L_layers = 0; }), {"arch.L_layers", "trm"});
  expect_all(complaint([](Settings& s) { s.arch.name = "hrm"; }), {"arch.H_layers", "hrm"});
  for (const int cycles : {5, 7})
    expect_all(complaint([&](Settings& s) {
                 s.arch.name = "trm_hier6";
                 s.arch.L_cycles = cycles;
               }),
               {"arch.L_cycles", std::to_string(cycles), "takes 6", "trm_hier6"});
  expect_all(complaint([](Settings& s) { s.arch.puzzle_emb_ndim = 512 * 16 + 1; }),
             {"arch.puzzle_emb_ndim", "8193", "8192"});
  expect_all(complaint([](Settings& s) { s.freeze_weights = true; }), {"freeze_weights", "arch.puzzle_emb_ndim"});
}

TEST(Validate, DataPathsAreWantedOnlyWhereNeeded) {
  Settings s;
  EXPECT_NO_THROW(validate(s));
  expect_all(message_of([&] { require_data_paths(s); }), {"data_paths", "[]", "data_paths=["});
  s.data_paths = {"a"};
  EXPECT_NO_THROW(require_data_paths(s));
}

using Doubts = Configs;

TEST_F(Doubts, ChatThatSeesTheFuture) {
  const LoadedSettings loaded = load({"dataset_type=chat"});
  ASSERT_EQ(loaded.warnings.size(), 1u);
  expect_all(loaded.warnings[0], {"dataset_type: chat", "arch.causal"});
  EXPECT_TRUE(load({"dataset_type=chat", "arch.causal=true"}).warnings.empty());
}

}  // namespace
}  // namespace trm::testing
