#include "model/recursions/recursions.h"

namespace trm::recursions {
namespace {

/// A plain transformer under the same halting: z_H = level(z_H, x), once, with gradient.
class TransformersBaseline final : public Recursion {
 public:
  TransformersBaseline(const std::string& prefix, Construction& construction)
      : Recursion(construction.config), level_(add_level(c_.H_layers, prefix + ".H_level", construction)) {}

  std::vector<Variable> forward(std::vector<Variable> z, const Variable& x, const Pass& pass) const override {
    return {level_.forward({z[0], x}, pass)};
  }
  std::vector<std::string> latent_names() const override { return {"z_H"}; }
  std::vector<std::string> init_names() const override { return {"H_init"}; }
  int depths() const override { return level_.layers(); }

 private:
  const Level &level_;
};

}  // namespace

std::unique_ptr<Recursion> make_transformers_baseline(const std::string& prefix, Construction& construction) {
  return std::make_unique<TransformersBaseline>(prefix, construction);
}

}  // namespace trm::recursions
