#include "model/recursions/recursions.h"

namespace trm::recursions {
namespace {

/// Six low features: H_cycles × { for i: z_L[i] = level(Σ z_L, z_H + x); z_H = level(z_H, Σ z_L) }.
class TrmHier6 final : public Recursion {
 public:
  TrmHier6(const std::string& prefix, Construction& construction)
      : Recursion(construction.config), level_(add_level(c_.L_layers, prefix + ".L_level", construction)) {}

  std::vector<Variable> forward(std::vector<Variable> z, const Variable& x, const Pass& pass) const override {
    Variable& z_H = z[0];
    const auto sum = [&] { return functions::add(functions::add(z[1], z[2], z[3]), functions::add(z[4], z[5], z[6])); };
    cycles(c_.H_cycles, [&] {
      for (int l = 1; l <= features; ++l) z[l] = level_.forward({sum(), z_H, x}, pass);
      z_H = level_.forward({z_H, sum()}, pass);
    });
    return z;
  }
  std::vector<std::string> latent_names() const override { return {"z_H", "z_L1", "z_L2", "z_L3", "z_L4", "z_L5", "z_L6"}; }
  std::vector<std::string> init_names() const override { return {"H_init", "L1_init", "L2_init", "L3_init", "L4_init", "L5_init", "L6_init"}; }
  int depths() const override { return c_.H_cycles * (features + 1) * level_.layers(); }

 private:
  static constexpr int features = 6;
  const Level &level_;
};

}  // namespace

std::unique_ptr<Recursion> make_trm_hier6(const std::string& prefix, Construction& construction) {
  return std::make_unique<TrmHier6>(prefix, construction);
}

}  // namespace trm::recursions
