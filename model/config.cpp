#include "model/config.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "arch/facts.h"
#include "model/mixers/mixers.h"

namespace trm {

int64_t swiglu_width(double expansion, int64_t d) {
  const auto wanted = static_cast<int64_t>(std::nearbyint(expansion * static_cast<double>(d) * 2 / 3));
  return (wanted + 255) / 256 * 256;
}

int64_t parameter_count(const ModelConfig& c) {
  const int64_t D = c.hidden_size, N = c.positions();
  const arch::VariantFacts& variant = arch::variant(c.name);
  const int64_t block = mixers::kind(c.mixer).parameters(c) + 3 * D * swiglu_width(c.expansion, D);
  const int64_t layers = (variant.H_level ? c.H_layers : 0) + (variant.L_level ? c.L_layers : 0);
  const int64_t embeddings = int64_t{2} * c.vocab_size * D + (c.pos_encodings == PositionEncoding::learned ? N * D : 0);
  return embeddings + 2 * D + 2 + layers * block;
}

void ModelConfig::validate() const {
  check_architecture(*this, pos_encodings == PositionEncoding::rope);
  const auto positive = [](const char* key, int value) {
    if (value < 1) throw std::invalid_argument(std::string(key) + " must be at least 1, got " + std::to_string(value));
  };
  positive("seq_len", seq_len);
  positive("vocab_size", vocab_size);
  if (int64_t{seq_len} + prefix() > std::numeric_limits<int>::max())
    throw std::invalid_argument("seq_len is too large, got " + std::to_string(seq_len));
  if (const auto check_mixer = mixers::kind(mixer).check) check_mixer(*this);
}

}  // namespace trm
