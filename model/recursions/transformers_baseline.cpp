#include "model/recursions/recursions.h"

namespace trm::recursions {
namespace {

/// A plain transformer under the same halting: z_H = level(z_H, x), once, with gradient.
class TransformersBaseline final : public Recursion {
 public:
  TransformersBaseline(const ModelConfig& c, const std::string& prefix, ParameterStore& store, Initializer& initializer)
      : level_(c, c.H_layers, prefix + ".H_level", store, initializer) {}

  std::vector<Variable> forward(std::vector<Variable> z, const Variable& x, const functions::AttentionContext& context) const override {
    return {level_.forward({z[0], x}, context)};
  }
  std::vector<std::string> latent_names() const override { return {"z_H"}; }
  std::vector<std::string> init_names() const override { return {"H_init"}; }
  int attention_layers() const override { return level_.layers(); }

 private:
  Level level_;
};

}  // namespace

std::unique_ptr<Recursion> make_transformers_baseline(const ModelConfig& config, const std::string& prefix, ParameterStore& store, Initializer& initializer) {
  return std::make_unique<TransformersBaseline>(config, prefix, store, initializer);
}

}  // namespace trm::recursions
