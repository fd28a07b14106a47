#include "model/carry.h"

namespace trm {

Carry Carry::initial(const Model& model, int64_t batch) {
  const ModelConfig& c = model.config();
  const Device device = model.device();
  Carry carry;
  carry.latents = model.fresh_latents(batch, c.positions());
  carry.steps = Tensor::zeros({batch}, DType::int32, device);
  carry.halted = Tensor::from(std::vector<uint8_t>(batch, 1), {batch}, device);
  carry.data.inputs = Tensor::zeros({batch, c.seq_len}, DType::int32, device);
  carry.data.labels = Tensor::zeros({batch, c.seq_len}, DType::int32, device);
  carry.data.puzzle_identifiers = Tensor::zeros({batch}, DType::int32, device);
  return carry;
}

std::map<std::string, Tensor> Carry::state(const Model& model) const {
  std::map<std::string, Tensor> state{{"steps", steps},
                                      {"halted", halted},
                                      {"data_inputs", data.inputs},
                                      {"data_labels", data.labels},
                                      {"data_puzzle_identifiers", data.puzzle_identifiers}};
  const auto names = model.recursion().latent_names();
  for (size_t i = 0; i < names.size(); ++i) state[names[i]] = latents[i];
  return state;
}

}  // namespace trm
