#include "model/recursions/recursions.h"

namespace trm::recursions {
namespace {

/// One latent only: H_cycles × { L_cycles × z_L = level(z_L + x); z_L = level(z_L) }.
class TrmSingleZ final : public Recursion {
 public:
  TrmSingleZ(const std::string& prefix, Construction& construction)
      : Recursion(construction.config), level_(add_level(c_.L_layers, prefix + ".L_level", construction)) {}

  std::vector<Variable> forward(std::vector<Variable> z, const Variable& x, const Pass& pass) const override {
    Variable z_L = std::move(z[0]);
    z.clear();
    cycles(c_.H_cycles, [&] {
      for (int l = 0; l < c_.L_cycles; ++l) z_L = level_.forward({z_L, x}, pass);
      z_L = level_.forward({z_L}, pass);
    });
    return {z_L};
  }
  std::vector<std::string> latent_names() const override { return {"z_L"}; }
  std::vector<std::string> init_names() const override { return {"L_init"}; }
  int depths() const override { return c_.H_cycles * (c_.L_cycles + 1) * level_.layers(); }

 private:
  const Level &level_;
};

}  // namespace

std::unique_ptr<Recursion> make_trm_singlez(const std::string& prefix, Construction& construction) {
  return std::make_unique<TrmSingleZ>(prefix, construction);
}

}  // namespace trm::recursions
