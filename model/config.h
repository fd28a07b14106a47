#pragma once
#include <cstdint>
#include <string>

#include "device/dtype.h"
#include "device/op_types.h"

namespace trm {

enum class PositionEncoding : uint8_t { rope, learned, none };
/// Which position the q head reads: 0, or the last one whose input is not padding (what a causal model needs).
enum class QPosition : uint8_t { first, last };
/// The recursions of arXiv 2510.04871 (trm and its ablations), HRM (arXiv 2506.21734) and a plain transformer.
enum class Variant : uint8_t { trm, trm_singlez, trm_hier6, hrm, transformers_baseline };

/// What a model is, with everything that the data decides.
struct ModelConfig {
  Variant variant = Variant::trm;
  int hidden_size = 512, num_heads = 8;
  double expansion = 4;
  int H_cycles = 3, L_cycles = 6, H_layers = 0, L_layers = 2;
  PositionEncoding pos_encodings = PositionEncoding::rope;
  double rope_theta = 10000;
  float rms_norm_eps = 1e-5f;
  int puzzle_emb_ndim = 0, puzzle_emb_len = 0;
  std::string mixer = "attention";  // model/mixers/
  bool causal = false;
  QPosition q_position = QPosition::first;
  bool no_ACT_continue = true;
  int halt_max_steps = 16;
  float halt_exploration_prob = 0.1f;
  LossKind loss = LossKind::stablemax;
  DType forward_dtype = DType::bfloat16;

  int seq_len = 0, vocab_size = 0, num_puzzle_identifiers = 1, pad_id = 0;

  int head_dim() const { return hidden_size / num_heads; }
  /// Positions before the tokens that hold the puzzle row.
  int prefix() const;
  int positions() const { return seq_len + prefix(); }
  /// True where the halting decision compares q_halt with q_continue and the continue loss applies.
  bool continue_loss() const;
  bool compare_with_continue() const;

  /// Throws std::invalid_argument naming the key, its value and what it takes.
  void validate() const;
};

/// Trained values of such a model, without the puzzle table.
int64_t parameter_count(const ModelConfig& config);

/// inter of SwiGLU(d): the next multiple of 256 at or above round(expansion · d · 2/3).
int64_t swiglu_width(double expansion, int64_t d);

}  // namespace trm
