#pragma once
// A tiny chat model with random weights, to be served.
#include "serve/server.h"
#include "tokenizer/markers.h"

namespace trm::testing {

inline const Tokenizer& served_tokenizer() {
  static const Tokenizer made = Tokenizer::train({"the quick brown fox jumps over the lazy dog"}, 290, markers::all());
  return made;
}

inline const Model& served_model() {
  static const Model made = [] {
    ModelConfig c;
    c.hidden_size = 32;
    c.num_heads = 2;
    c.expansion = 2;
    c.H_cycles = 1;
    c.L_cycles = 1;
    c.L_layers = 1;
    c.pos_encodings = PositionEncoding::rope;
    c.causal = true;
    c.halt_max_steps = 1;
    c.loss = LossKind::softmax;
    c.forward_dtype = DType::float32;
    c.seq_len = 2048;
    c.vocab_size = served_tokenizer().vocab_size();
    return Model(c, cpu_device, 7, false);
  }();
  return made;
}

inline serve::Served tiny_served() {
  return {.model = served_model(), .tokenizer = served_tokenizer(), .name = "tiny", .defaults = {.max_new_tokens = 24}};
}

}  // namespace trm::testing
