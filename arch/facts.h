#pragma once
// What is known of the variants and mixers before a model is made: the rows of variants.def and mixers.def, and what
// add_… has added.
#include <cstdint>
#include <string>
#include <vector>

namespace trm::arch {

enum class ContinueLoss : uint8_t { by_key, always, never };  // by_key: unless arch.no_ACT_continue

struct VariantFacts {
  std::string name;
  std::string python_class{};  // "module:Class" below the Python project's recursive_reasoning; empty: it has none
  bool H_level = false, L_level = true;  // which of H_layers and L_layers it takes
  int L_cycles = 0;                      // the only number it takes; 0: any
  bool own_puzzle_length = true;         // puzzle_emb_len counts; else as many positions as the features fill
  ContinueLoss continue_loss = ContinueLoss::by_key;
  bool always_compares = false;  // halts where q_halt > q_continue even without a continue loss
};

struct MixerFacts {
  std::string name;
  bool heads = false;        // takes num_heads, and pos_encodings rope turns pairs of a head's features
  bool sees_future = false;  // whatever arch.causal says
};

const std::vector<VariantFacts>& variants();
const std::vector<MixerFacts>& mixers();
/// Throw std::invalid_argument, naming all, for a name that none has.
const VariantFacts& variant(const std::string& name);
const MixerFacts& mixer(const std::string& name);

/// Adds one from outside; its name must be new. Before settings are read, and not for several threads. Model code calls
/// these: add_recursion, mixers::add.
void add_variant(VariantFacts facts);
void add_mixer(MixerFacts facts);

}  // namespace trm::arch
