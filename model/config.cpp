#include "model/config.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "model/mixers/mixers.h"

namespace trm {
namespace {

void require(bool holds, const std::string& what) {
  if (!holds) throw std::invalid_argument(what);
}

std::string got(int value) { return ", got " + std::to_string(value); }

}  // namespace

int64_t swiglu_width(double expansion, int64_t d) {
  const auto wanted = static_cast<int64_t>(std::nearbyint(expansion * static_cast<double>(d) * 2 / 3));
  return (wanted + 255) / 256 * 256;
}

int64_t parameter_count(const ModelConfig& c) {
  const int64_t D = c.hidden_size, N = c.positions();
  const auto swiglu = [&](int64_t d) { return 3 * d * swiglu_width(c.expansion, d); };
  const int64_t block = mixers::kind(c.mixer).parameters(c) + swiglu(D);
  const int64_t layers = (c.variant == Variant::hrm || c.variant == Variant::transformers_baseline ? c.H_layers : 0) +
                         (c.variant == Variant::transformers_baseline ? 0 : c.L_layers);
  const int64_t embeddings = int64_t{2} * c.vocab_size * D + (c.pos_encodings == PositionEncoding::learned ? N * D : 0);
  return embeddings + 2 * D + 2 + layers * block;
}

int ModelConfig::prefix() const {
  if (puzzle_emb_ndim == 0) return 0;
  const bool own_length = variant != Variant::hrm && variant != Variant::transformers_baseline;
  if (own_length && puzzle_emb_len > 0) return puzzle_emb_len;
  return puzzle_emb_ndim / hidden_size + (puzzle_emb_ndim % hidden_size != 0);
}

bool ModelConfig::continue_loss() const {
  return variant == Variant::hrm || (variant != Variant::transformers_baseline && !no_ACT_continue);
}

bool ModelConfig::compare_with_continue() const { return variant == Variant::transformers_baseline || continue_loss(); }

void ModelConfig::validate() const {
  require(hidden_size > 0, "arch.hidden_size must be at least 1" + got(hidden_size));
  require(num_heads > 0, "arch.num_heads must be at least 1" + got(num_heads));
  require(H_cycles > 0, "arch.H_cycles must be at least 1" + got(H_cycles));
  require(L_cycles > 0, "arch.L_cycles must be at least 1" + got(L_cycles));
  require(halt_max_steps > 0, "arch.halt_max_steps must be at least 1" + got(halt_max_steps));
  require(seq_len > 0, "seq_len must be at least 1" + got(seq_len));
  require(int64_t{seq_len} + prefix() <= std::numeric_limits<int>::max(), "seq_len is too large" + got(seq_len));
  require(vocab_size > 0, "vocab_size must be at least 1" + got(vocab_size));
  require(puzzle_emb_ndim <= int64_t{prefix()} * hidden_size,
          "arch.puzzle_emb_ndim " + std::to_string(puzzle_emb_ndim) + " does not fit puzzle_emb_len · hidden_size = " + std::to_string(int64_t{prefix()} * hidden_size));
  mixers::kind(mixer).validate(*this);
  const bool high = variant == Variant::hrm || variant == Variant::transformers_baseline;
  require(high ? H_layers > 0 : L_layers > 0, high ? "arch.H_layers must be at least 1" + got(H_layers) : "arch.L_layers must be at least 1" + got(L_layers));
  require(variant != Variant::hrm || L_layers > 0, "arch.L_layers must be at least 1" + got(L_layers));
  require(variant != Variant::trm_hier6 || L_cycles == 6, "arch.L_cycles must be 6 for trm_hier6, one for each of its features" + got(L_cycles));
}

}  // namespace trm
