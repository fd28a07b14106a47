#include "model/recursions/recursions.h"

namespace trm::recursions {
namespace {

/// TRM: H_cycles × { L_cycles × z_L = level(z_L, z_H + x); z_H = level(z_H, z_L) }, one level for both.
class Trm final : public Recursion {
 public:
  Trm(const ModelConfig& c, const std::string& prefix, ParameterStore& store, Initializer& initializer)
      : c_(c), level_(c, c.L_layers, prefix + ".L_level", store, initializer) {}

  std::vector<Variable> forward(std::vector<Variable> z, const Variable& x, const functions::AttentionContext& context) const override {
    Variable z_H = std::move(z[0]), z_L = std::move(z[1]);
    z.clear();
    cycles(c_.H_cycles, [&] {
      for (int l = 0; l < c_.L_cycles; ++l) z_L = level_.forward({z_L, z_H, x}, context);
      z_H = level_.forward({z_H, z_L}, context);
    });
    return {z_H, z_L};
  }
  std::vector<std::string> latent_names() const override { return {"z_H", "z_L"}; }
  std::vector<std::string> init_names() const override { return {"H_init", "L_init"}; }
  int attention_layers() const override { return c_.H_cycles * (c_.L_cycles + 1) * level_.layers(); }

 private:
  ModelConfig c_;
  Level level_;
};

}  // namespace

std::unique_ptr<Recursion> make_trm(const ModelConfig& config, const std::string& prefix, ParameterStore& store, Initializer& initializer) {
  return std::make_unique<Trm>(config, prefix, store, initializer);
}

}  // namespace trm::recursions
