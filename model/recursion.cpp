#include "model/recursion.h"

#include <optional>

#include "autograd/tape.h"

namespace trm {
namespace {

/// Runs `body` for each H cycle; all but the last without gradient.
template <class Body>
void cycles(int count, Body&& body) {
  for (int cycle = 0; cycle < count; ++cycle) {
    std::optional<NoGradient> off;
    if (cycle + 1 < count) off.emplace();
    body();
  }
}

/// TRM: H_cycles × { L_cycles × z_L = level(z_L, z_H + x); z_H = level(z_H, z_L) }, one level for both.
class TrmRecursion final : public Recursion {
 public:
  TrmRecursion(const ModelConfig& c, const std::string& prefix, ParameterStore& store, Initializer& initializer)
      : c_(c), level_(c, c.L_layers, prefix + ".L_level", store, initializer) {}

  std::vector<Variable> forward(std::vector<Variable> z, const Variable& x, const functions::AttentionContext& context) const override {
    Variable z_H = std::move(z[0]), z_L = std::move(z[1]);
    z.clear();
    cycles(c_.H_cycles, [&] {
      for (int l = 0; l < c_.L_cycles; ++l) z_L = level_.forward(functions::add(z_L, z_H, x), context);
      z_H = level_.forward(functions::add(z_H, z_L), context);
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

std::unique_ptr<Recursion> make_recursion(const ModelConfig& config, const std::string& prefix, ParameterStore& store, Initializer& initializer) {
  switch (config.variant) {
    case Variant::trm: return std::make_unique<TrmRecursion>(config, prefix, store, initializer);
    default: throw std::invalid_argument("arch.name: this version trains trm only");
  }
}

}  // namespace trm
