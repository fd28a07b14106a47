#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "autograd/parameter.h"
#include "model/config.h"
#include "model/recursion.h"

namespace trm {

/// What one supervision step of the model itself gives, before halting and loss.
struct ModelOutput {
  std::vector<Variable> latents;
  Variable q;  // f32 [B, 2]: halt, continue
};

/// Parameters and forward pass of a recursive reasoning model, without carry, halting and loss (those are in act.h).
class Model {
 public:
  /// Draws the initial weights from `seed`. `trained`: with gradient buffers. Throws std::invalid_argument for an
  /// impossible config.
  Model(const ModelConfig& config, Device device, uint64_t seed, bool trained);

  const ModelConfig& config() const { return config_; }
  Device device() const { return parameters_.device(); }
  DType dtype() const { return parameters_.compute_dtype(); }
  ParameterStore& parameters() { return parameters_; }
  const ParameterStore& parameters() const { return parameters_; }
  const Recursion& recursion() const { return *recursion_; }
  /// Whether a position's result depends on later ones; then there is no decoding over states.
  bool sees_future() const { return recursion_->mixer().sees_future(); }

  /// Puzzle embeddings f32 [num_puzzle_identifiers, ndim], trained by sign-SGD; undefined without them.
  const Tensor& puzzle_table() const { return puzzle_table_; }

  /// Every tensor that a checkpoint holds, by the Python project's names: parameters, initial vectors, the puzzle
  /// table.
  std::map<std::string, Tensor> state() const;
  /// Overwrites all of them. Throws std::invalid_argument naming a missing, unknown or differently shaped tensor. A
  /// puzzle table of another number of rows is re-initialised with its mean row, and `note` says so.
  void load_state(const std::map<std::string, Tensor>& state, std::string* note = nullptr);

  /// Latents of a fresh row: the initial vectors in every position, [B, N, D].
  std::vector<Tensor> fresh_latents(int64_t batch, int64_t positions) const;
  /// Initial vectors in the compute dtype, in the order of the latents.
  const std::vector<Tensor>& initial_latents() const { return initial_latents_; }

  /// tokens i32 [B, S] (with puzzle_rows f32 [B, ndim]) → x [B, N, D]
  Variable embed(const Tensor& tokens, const Variable* puzzle_rows) const;
  ModelOutput forward(std::vector<Variable> latents, const Tensor& tokens, const Variable* puzzle_rows) const;
  /// States of all depths before the first position, for `slots` sequences. Throws std::logic_error for a model that
  /// sees the future.
  DepthStates empty_states(int64_t slots) const;
  /// Makes them those of no position again.
  void reset(DepthStates& states) const;
  /// z [B, N, D] → logits [B, S, V]
  Tensor logits(const Tensor& z) const;

  Parameter& lm_head() const { return *lm_head_; }
  Parameter& q_weight() const { return *q_weight_; }
  Parameter& q_bias() const { return *q_bias_; }
  Parameter* positions_table() const { return embed_pos_; }
  Parameter& token_table() const { return *embed_tokens_; }
  float embedding_scale() const;

 private:
  void refresh_initial_latents();

  ModelConfig config_;
  ParameterStore parameters_;
  Parameter *embed_tokens_, *lm_head_, *q_weight_, *q_bias_, *embed_pos_ = nullptr;
  std::unique_ptr<Recursion> recursion_;
  std::map<std::string, Tensor> initial_vectors_;  // f32 [D] by name (H_init, L_init), saved but not trained
  std::vector<Tensor> initial_latents_;
  Tensor puzzle_table_;
};

}  // namespace trm
