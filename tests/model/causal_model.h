#pragma once
// A small causal model that decodes in two supervision steps, and its logits as values.
#include <span>
#include <vector>

#include "model/config.h"

namespace trm::testing {

inline ModelConfig causal_model(DType dtype, PositionEncoding positions, int hidden_size, int H_cycles) {
  ModelConfig c;
  c.hidden_size = hidden_size;
  c.num_heads = 4;
  c.expansion = 2;
  c.H_cycles = H_cycles;
  c.L_cycles = 2;
  c.L_layers = 2;
  c.pos_encodings = positions;
  c.causal = true;
  c.halt_max_steps = 2;
  c.loss = LossKind::softmax;
  c.forward_dtype = dtype;
  c.seq_len = 24;
  c.vocab_size = 53;
  return c;
}

inline std::vector<float> copy(std::span<const float> values) { return {values.begin(), values.end()}; }

}  // namespace trm::testing
