#include <stdexcept>

#include "model/mixers/mixers.h"

namespace trm::mixers {
namespace {

/// A SwiGLU over the sequence axis: what mixes best on small grids (arXiv 2510.04871).
class TokenMlp final : public Mixer {
 public:
  TokenMlp(const std::string& prefix, Construction& c)
      : eps_(static_cast<float>(c.config.rms_norm_eps)),
        projections_(swiglu_parameters(c, prefix + ".mlp_t", c.config.positions(), true)) {}

  bool sees_future() const override { return true; }
  Variable forward(const Variable& h) const override {
    return functions::swiglu_block(h, *projections_.gate_up, *projections_.down, eps_);
  }

 private:
  float eps_;
  SwigluProjections projections_;
};

void check(const ModelConfig& c) {
  if (swiglu_width(c.expansion, c.positions()) < 1)
    throw std::invalid_argument("arch.expansion: got " + std::to_string(c.expansion) +
                                ", which leaves the mixer mlp no features to mix " + std::to_string(c.positions()) +
                                " positions with");
}

}  // namespace

Kind mlp() {
  return {[](const std::string& prefix, Construction& c) -> std::unique_ptr<Mixer> {
            return std::make_unique<TokenMlp>(prefix, c);
          },
          [](const ModelConfig& c) { return 3 * int64_t{c.positions()} * swiglu_width(c.expansion, c.positions()); },
          check};
}

}  // namespace trm::mixers
