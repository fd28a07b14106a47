#include "model/recursions/recursions.h"

namespace trm::recursions {
namespace {

/// One latent only: H_cycles × { L_cycles × z_L = level(z_L + x); z_L = level(z_L) }.
class TrmSingleZ final : public Recursion {
 public:
  TrmSingleZ(const ModelConfig& c, const std::string& prefix, ParameterStore& store, Initializer& initializer)
      : c_(c), level_(c, c.L_layers, prefix + ".L_level", store, initializer) {}

  std::vector<Variable> forward(std::vector<Variable> z, const Variable& x, const functions::AttentionContext& context) const override {
    Variable z_L = std::move(z[0]);
    z.clear();
    cycles(c_.H_cycles, [&] {
      for (int l = 0; l < c_.L_cycles; ++l) z_L = level_.forward({z_L, x}, context);
      z_L = level_.forward({z_L}, context);
    });
    return {z_L};
  }
  std::vector<std::string> latent_names() const override { return {"z_L"}; }
  std::vector<std::string> init_names() const override { return {"L_init"}; }
  int attention_layers() const override { return c_.H_cycles * (c_.L_cycles + 1) * level_.layers(); }

 private:
  ModelConfig c_;
  Level level_;
};

}  // namespace

std::unique_ptr<Recursion> make_trm_singlez(const ModelConfig& config, const std::string& prefix, ParameterStore& store, Initializer& initializer) {
  return std::make_unique<TrmSingleZ>(config, prefix, store, initializer);
}

}  // namespace trm::recursions
