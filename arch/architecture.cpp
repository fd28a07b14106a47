#include "arch/architecture.h"

#include <cmath>
#include <stdexcept>

#include "arch/facts.h"

namespace trm {
namespace {

std::string number(int64_t value) { return std::to_string(value); }

void require(bool holds, const std::string& what) {
  if (!holds) throw std::invalid_argument(what);
}

void at_least_one(const char* key, int value, const std::string& why = "") {
  require(value >= 1, std::string(key) + ": got " + number(value) + ", takes an integer of at least 1" + why);
}

void check_mixer(const Architecture& a, bool rope) {
  const arch::MixerFacts& mixer = arch::mixer(a.mixer);
  const bool mlp = a.mixer == "mlp";
  require(!(mixer.sees_future && a.causal),
          (mlp ? "arch.mlp_t: true" : "arch.mixer: " + a.mixer) + " with arch.causal: true" +
              (mlp ? " (as in the Python project's trm_small)" : "") + " is refused: " + (mlp ? "mlp_t" : a.mixer) +
              " mixes all positions, so that each would see the future; set " +
              (mlp ? "arch.mlp_t=false" : "arch.mixer=attention") + ", or arch.causal=false for puzzles");
  if (!mixer.heads) return;
  const std::string heads = "hidden_size " + number(a.hidden_size) + " / num_heads " + number(a.num_heads);
  require(a.head_dim() > 0, "arch.num_heads: got " + number(a.num_heads) + ", takes at most arch.hidden_size (" +
                                number(a.hidden_size) + "): a head would have no features");
  require(!rope || a.head_dim() % 2 == 0,
          "arch.pos_encodings: rope turns pairs of features, and the head size is odd: floor(" + heads +
              ") = " + number(a.head_dim()) +
              "; choose arch.num_heads or arch.hidden_size so that it is even, or learned or none");
}

void check_levels(const Architecture& a) {
  const arch::VariantFacts& variant = arch::variant(a.name);
  const std::string why = " for " + a.name + "; arch=" + a.name + " chooses it with usual values";
  if (variant.H_level) at_least_one("arch.H_layers", a.H_layers, why);
  if (variant.L_level) at_least_one("arch.L_layers", a.L_layers, why);
  require(variant.L_cycles == 0 || a.L_cycles == variant.L_cycles,
          "arch.L_cycles: got " + number(a.L_cycles) + ", takes " + number(variant.L_cycles) + " for " + a.name +
              ", which has so many features z_L and sets one a cycle");
}

/// The width before it is rounded up must be one at least.
void check_expansion(const Architecture& a) {
  const double width = std::nearbyint(a.expansion * a.hidden_size * 2 / 3);
  require(width >= 1 && width <= 1 << 20,
          "arch.expansion: gives the SwiGLU a width of expansion * hidden_size * 2/3 = " +
              number(static_cast<int64_t>(width)) + ", takes one from 1 to " + number(1 << 20) + " (arch.hidden_size " +
              number(a.hidden_size) + ")");
}

void check_puzzle_row(const Architecture& a) {
  if (!arch::variant(a.name).own_puzzle_length || a.puzzle_emb_len == 0) return;
  const int64_t room = int64_t{a.puzzle_emb_len} * a.hidden_size;
  require(a.puzzle_emb_ndim <= room, "arch.puzzle_emb_ndim: got " + number(a.puzzle_emb_ndim) + ", takes at most " +
                                         number(room) + " (arch.puzzle_emb_len " + number(a.puzzle_emb_len) +
                                         " * arch.hidden_size " + number(a.hidden_size) +
                                         "); arch.puzzle_emb_len=0 gives as many positions as it needs");
}

}  // namespace

int Architecture::prefix() const {
  if (puzzle_emb_ndim == 0) return 0;
  if (arch::variant(name).own_puzzle_length && puzzle_emb_len > 0) return puzzle_emb_len;
  return puzzle_emb_ndim / hidden_size + (puzzle_emb_ndim % hidden_size != 0);
}

bool Architecture::continue_loss() const {
  const arch::ContinueLoss choice = arch::variant(name).continue_loss;
  return choice == arch::ContinueLoss::always || (choice == arch::ContinueLoss::by_key && !no_ACT_continue);
}

bool Architecture::compare_with_continue() const { return arch::variant(name).always_compares || continue_loss(); }

void check_architecture(const Architecture& a, bool rope) {
  at_least_one("arch.hidden_size", a.hidden_size);
  at_least_one("arch.num_heads", a.num_heads);
  at_least_one("arch.H_cycles", a.H_cycles);
  at_least_one("arch.L_cycles", a.L_cycles);
  at_least_one("arch.halt_max_steps", a.halt_max_steps);
  check_mixer(a, rope);
  check_levels(a);
  check_expansion(a);
  check_puzzle_row(a);
}

}  // namespace trm
