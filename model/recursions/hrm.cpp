#include "model/recursions/recursions.h"

namespace trm::recursions {
namespace {

/// HRM (arXiv 2506.21734): a level each for H and L; gradient only through the very last L step and H step.
class Hrm final : public Recursion {
 public:
  Hrm(const std::string& prefix, Construction& construction)
      : Recursion(construction.config), H_level_(add_level(c_.H_layers, prefix + ".H_level", construction)), L_level_(add_level(c_.L_layers, prefix + ".L_level", construction)) {}

  std::vector<Variable> forward(std::vector<Variable> z, const Variable& x, const Pass& pass) const override {
    Variable z_H = std::move(z[0]), z_L = std::move(z[1]);
    z.clear();
    cycles(c_.H_cycles, [&] {
      cycles(c_.L_cycles, [&] { z_L = L_level_.forward({z_L, z_H, x}, pass); });
      z_H = H_level_.forward({z_H, z_L}, pass);
    });
    return {z_H, z_L};
  }
  std::vector<std::string> latent_names() const override { return {"z_H", "z_L"}; }
  std::vector<std::string> init_names() const override { return {"H_init", "L_init"}; }
  int depths() const override { return c_.H_cycles * (c_.L_cycles * L_level_.layers() + H_level_.layers()); }

 private:
  const Level &H_level_, &L_level_;
};

}  // namespace

std::unique_ptr<Recursion> make_hrm(const std::string& prefix, Construction& construction) {
  return std::make_unique<Hrm>(prefix, construction);
}

}  // namespace trm::recursions
