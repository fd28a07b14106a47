#include <stdexcept>

#include "model/mixers/mixers.h"

namespace trm::mixers {
namespace {

/// A SwiGLU over the sequence axis: what mixes best on small grids (arXiv 2510.04871).
class TokenMlp final : public Mixer {
 public:
  TokenMlp(const std::string& prefix, Construction& c)
      : eps_(c.config.rms_norm_eps),
        projections_(swiglu_parameters(c, prefix + ".mlp_t", c.config.positions(), true)) {}

  bool sees_future() const override { return true; }
  Variable forward(const Variable& h) const override {
    return functions::swiglu_block(h, *projections_.gate_up, *projections_.down, eps_);
  }

 private:
  float eps_;
  SwigluProjections projections_;
};

void validate(const ModelConfig& c) {
  if (c.causal)
    throw std::invalid_argument(
        "arch.mlp_t with arch.causal: an MLP over the sequence sees the future; use attention (mlp_t: false) for a "
        "causal model");
  if (swiglu_width(c.expansion, c.positions()) < 1)
    throw std::invalid_argument("arch.expansion " + std::to_string(c.expansion) +
                                " leaves mlp_t no features to mix positions with");
}

}  // namespace

Kind token_mlp() {
  return {"mlp",
          [](const std::string& prefix, Construction& c) -> std::unique_ptr<Mixer> {
            return std::make_unique<TokenMlp>(prefix, c);
          },
          [](const ModelConfig& c) { return 3 * int64_t{c.positions()} * swiglu_width(c.expansion, c.positions()); },
          validate};
}

}  // namespace trm::mixers
