#pragma once
#include <cstdint>
#include <string>

namespace trm {

/// The numbers of a model, under the names of their keys (arch.…). Settings and ModelConfig add to it what each writes
/// in its own way. Sizes in features or positions; equations in "Less is More: Recursive Reasoning with Tiny Networks",
/// arXiv 2510.04871.
struct Architecture {
  std::string name = "trm";         // the variant: arch/variants.def
  std::string mixer = "attention";  // arch/mixers.def
  int hidden_size = 512;            // D
  int num_heads = 8;                // head size is floor(D / num_heads)
  double expansion = 4.0;           // of SwiGLU
  int H_cycles = 3;
  int L_cycles = 6;
  int H_layers = 0;  // where the variant has an H level
  int L_layers = 2;
  double rope_theta = 10000.0;
  double rms_norm_eps = 1e-5;
  int puzzle_emb_ndim = 0;  // features of a puzzle row; 0: no puzzle embedding
  int puzzle_emb_len = 16;  // positions of it; 0: ceil(puzzle_emb_ndim / hidden_size)
  bool causal = false;
  bool no_ACT_continue = true;  // false: train q_continue too, where the variant leaves the choice
  int halt_max_steps = 16;      // supervision steps
  double halt_exploration_prob = 0.1;

  bool operator==(const Architecture&) const = default;

  int head_dim() const { return hidden_size / num_heads; }
  /// Positions before the tokens that hold the puzzle row.
  int prefix() const;
  /// True where the continue loss applies.
  bool continue_loss() const;
  /// True where the halting decision compares q_halt with q_continue.
  bool compare_with_continue() const;
};

/// The one validator of what must fit together. `rope`: positions are rotated. Throws std::invalid_argument naming the
/// keys, their values and what they take.
void check_architecture(const Architecture& architecture, bool rope);

}  // namespace trm
