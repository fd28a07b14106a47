#include "model/model.h"

#include <cmath>
#include <stdexcept>

#include "device/ops.h"

namespace trm {
namespace {

constexpr const char* prefix = "model.inner";
constexpr float learned_scale = 0.707106781f;

std::string full(const std::string& name) { return std::string(prefix) + "." + name; }
const std::string puzzle_name = full("puzzle_emb.weights");

ModelConfig validated(const ModelConfig& config) {
  config.validate();
  return config;
}

}  // namespace

Model::Model(const ModelConfig& config, Device device, uint64_t seed, bool trained)
    : config_(validated(config)), parameters_(device, config.forward_dtype) {
  Initializer initializer(seed);
  const int64_t D = config_.hidden_size, V = config_.vocab_size;
  const double embedding_std = 1 / std::sqrt(static_cast<double>(D));
  embed_tokens_ = &parameters_.add(full("embed_tokens.embedding_weight"), {V, D}, ParameterUse::table,
                                   ParameterRole::embedding, initializer.truncated_normal(V * D, embedding_std));
  lm_head_ = &parameters_.add(full("lm_head.weight"), {V, D}, ParameterUse::product, ParameterRole::head,
                              initializer.truncated_normal(V * D, embedding_std));
  q_weight_ = &parameters_.add(full("q_head.weight"), {2, D}, ParameterUse::master, ParameterRole::q_head,
                               std::vector<float>(2 * D, 0.0f));
  q_bias_ = &parameters_.add(full("q_head.bias"), {2}, ParameterUse::master, ParameterRole::q_head, {-5.0f, -5.0f});
  if (config_.pos_encodings == PositionEncoding::learned) {
    const int64_t N = config_.positions();
    embed_pos_ = &parameters_.add(full("embed_pos.embedding_weight"), {N, D}, ParameterUse::table,
                                  ParameterRole::position, initializer.truncated_normal(N * D, embedding_std));
  }
  Construction construction{config_, parameters_, initializer};
  recursion_ = make_recursion(prefix, construction);
  for (const auto& name : recursion_->init_names())
    initial_vectors_[full(name)] = Tensor::from(initializer.truncated_normal(D, 1), {D}, device);
  parameters_.materialize(trained);
  if (config_.puzzle_emb_ndim > 0)
    puzzle_table_ = Tensor::zeros({config_.num_puzzle_identifiers, config_.puzzle_emb_ndim}, DType::float32, device);
  refresh_initial_latents();
}

void Model::refresh_initial_latents() {
  initial_latents_.clear();
  for (const auto& name : recursion_->init_names())
    initial_latents_.push_back(ops::cast(initial_vectors_.at(full(name)), dtype()));
}

std::map<std::string, Tensor> Model::state() const {
  std::map<std::string, Tensor> state = initial_vectors_;
  for (const auto& p : parameters_.all()) state[p->name] = p->master;
  if (puzzle_table_) state[puzzle_name] = puzzle_table_;
  return state;
}

void Model::load_state(const std::map<std::string, Tensor>& given, std::string* note) {
  std::map<std::string, Tensor> own = state();
  for (const auto& [name, tensor] : given)
    if (!own.contains(name))
      throw std::invalid_argument("the checkpoint's tensor " + name + " " + to_string(tensor.shape()) +
                                  " is not part of this model");
  for (const auto& [name, target] : own) {
    const auto found = given.find(name);
    if (found == given.end())
      throw std::invalid_argument("the checkpoint lacks " + name + " " + to_string(target.shape()));
    const Tensor& source = found->second;
    const bool rows_differ = name == puzzle_name && source.rank() == 2 && source.size(1) == target.size(1) &&
                             source.size(0) != target.size(0);
    if (rows_differ) continue;
    if (!(source.shape() == target.shape()))
      throw std::invalid_argument("the checkpoint's " + name + " is " + to_string(source.shape()) +
                                  ", this model's is " + to_string(target.shape()));
  }
  for (const auto& [name, target] : own) {
    const Tensor& source = given.at(name);
    if (source.shape() == target.shape()) {
      target.copy_from(source.dtype() == target.dtype() ? source : ops::cast(source, target.dtype()));
      continue;
    }
    const auto values = source.to_vector<float>();
    const int64_t rows = source.size(0), width = source.size(1);
    std::vector<double> mean(width, 0.0);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < width; ++i) mean[i] += values[r * width + i] / static_cast<double>(rows);
    std::vector<float> filled;
    for (int64_t r = 0; r < target.size(0); ++r) filled.insert(filled.end(), mean.begin(), mean.end());
    target.copy_from_host(filled.data());
    if (note)
      *note = "the checkpoint has " + std::to_string(rows) + " puzzle ids, the data " + std::to_string(target.size(0)) +
              ": every puzzle embedding starts from the checkpoint's mean row";
  }
  parameters_.refresh();
  refresh_initial_latents();
}

std::vector<Tensor> Model::fresh_latents(int64_t batch, int64_t positions) const {
  const Tensor all = Tensor::from(std::vector<uint8_t>(batch, 1), {batch}, device());
  std::vector<Tensor> latents;
  for (const Tensor& init : initial_latents_) {
    latents.push_back(Tensor::empty({batch, positions, config_.hidden_size}, dtype(), device()));
    ops::reset_rows(all, init, latents.back());
  }
  return latents;
}

float Model::embedding_scale() const {
  return std::sqrt(static_cast<float>(config_.hidden_size)) * (embed_pos_ ? learned_scale : 1.0f);
}

Variable Model::embed(const Tensor& tokens, const Variable* puzzle_rows) const {
  return functions::input_embedding(
      {tokens, embed_tokens_, puzzle_rows, embed_pos_, config_.prefix(), embedding_scale()});
}

DepthStates Model::empty_states(int64_t slots) const {
  DepthStates states;
  const int depths = config_.halt_max_steps * recursion_->depths();
  for (int depth = 0; depth < depths; ++depth) states.add(recursion_->mixer().empty_state(slots));
  return states;
}

void Model::reset(DepthStates& states) const {
  for (size_t depth = 0; depth < states.size(); ++depth) recursion_->mixer().reset(states.at(depth));
}

ModelOutput Model::forward(std::vector<Variable> latents, const Tensor& tokens, const Variable* puzzle_rows) const {
  ModelOutput out;
  const Variable x = embed(tokens, puzzle_rows);
  out.latents = recursion_->forward(std::move(latents), x, {});
  Tensor positions;
  if (config_.q_position == QPosition::last) positions = ops::last_positions(tokens, config_.pad_id, config_.prefix());
  out.q = functions::q_head(out.latents[recursion_->output()], *q_weight_, *q_bias_, positions);
  return out;
}

Tensor Model::logits(const Tensor& z) const {
  return ops::linear(ops::drop_positions(z, config_.prefix()), lm_head_->weight);
}

}  // namespace trm
