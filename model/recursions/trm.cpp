#include "model/recursions/recursions.h"

namespace trm::recursions {
namespace {

/// TRM: H_cycles × { L_cycles × z_L = level(z_L, z_H + x); z_H = level(z_H, z_L) }, one level for both.
class Trm final : public Recursion {
 public:
  Trm(const std::string& prefix, Construction& construction)
      : Recursion(construction.config), level_(add_level(c_.L_layers, prefix + ".L_level", construction)) {}

  std::vector<Variable> forward(std::vector<Variable> z, const Variable& x, const Pass& pass) const override {
    Variable z_H = std::move(z[0]), z_L = std::move(z[1]);
    z.clear();
    cycles(c_.H_cycles, [&] {
      for (int l = 0; l < c_.L_cycles; ++l) z_L = level_.forward({z_L, z_H, x}, pass);
      z_H = level_.forward({z_H, z_L}, pass);
    });
    return {z_H, z_L};
  }
  std::vector<std::string> latent_names() const override { return {"z_H", "z_L"}; }
  std::vector<std::string> init_names() const override { return {"H_init", "L_init"}; }
  int depths() const override { return c_.H_cycles * (c_.L_cycles + 1) * level_.layers(); }

 private:
  const Level &level_;
};

}  // namespace

std::unique_ptr<Recursion> make_trm(const std::string& prefix, Construction& construction) {
  return std::make_unique<Trm>(prefix, construction);
}

}  // namespace trm::recursions
