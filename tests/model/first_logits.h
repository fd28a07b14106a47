#pragma once
#include <optional>
#include <vector>

#include "autograd/variable.h"
#include "device/ops.h"
#include "model/model.h"

namespace trm::testing {

/// Logits [S, V] of the first supervision step of puzzle 2, or of a text; tokens [S].
inline std::vector<float> first_logits(Model& model, const std::vector<int32_t>& tokens) {
  const ModelConfig& c = model.config();
  const Tensor inputs = Tensor::from(tokens, {1, c.seq_len}, model.device());
  std::optional<Variable> rows;
  if (c.puzzle_emb_ndim > 0)
    rows = Variable(ops::gather_rows(model.puzzle_table(), Tensor::from(std::vector<int32_t>{2}, {1}, model.device())));
  const auto out = model.forward(
      [&] {
        std::vector<Variable> latents;
        for (Tensor& z : model.fresh_latents(1, c.seq_len + c.prefix())) latents.emplace_back(std::move(z));
        return latents;
      }(),
      inputs, rows ? &*rows : nullptr);
  return model.logits(out.latents[model.recursion().output()].value()).to_vector<float>();
}

}  // namespace trm::testing
