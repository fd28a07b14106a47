#include "runtime/model_settings.h"

#include <limits>
#include <stdexcept>

#include "settings/error.h"

namespace trm {
namespace {

int known(const std::optional<int64_t>& value, const char* name, int64_t least) {
  if (!value)
    throw SettingsError(std::string(name) +
                        " is not known: the configuration does not hold it, and no dataset was given to read it from");
  if (*value < least || *value > std::numeric_limits<int>::max())
    throw SettingsError(std::string(name) + ": got " + std::to_string(*value) + ", takes an integer of at least " +
                        std::to_string(least));
  return static_cast<int>(*value);
}

PositionEncoding positions_of(const std::string& name) {
  return name == "rope"      ? PositionEncoding::rope
         : name == "learned" ? PositionEncoding::learned
                             : PositionEncoding::none;
}

}  // namespace

ModelConfig model_config(const Settings& settings, const DataMetadata& data) {
  const ArchSettings& arch = settings.arch;
  ModelConfig c;
  static_cast<Architecture&>(c) = arch;
  c.pos_encodings = positions_of(arch.pos_encodings);
  c.q_position = arch.q_position == "last" ? QPosition::last : QPosition::first;
  c.loss = arch.loss_type == "softmax_cross_entropy" ? LossKind::softmax : LossKind::stablemax;
  c.forward_dtype = parse_dtype(arch.forward_dtype);
  c.seq_len = known(data.seq_len, "seq_len", 1);
  c.vocab_size = known(data.vocab_size, "vocab_size", 1);
  c.num_puzzle_identifiers = arch.puzzle_emb_ndim > 0 ? known(data.num_puzzle_identifiers, "num_puzzle_identifiers", 1)
                                                      : static_cast<int>(data.num_puzzle_identifiers.value_or(1));
  c.pad_id = static_cast<int>(data.pad_id.value_or(0));
  try {
    c.validate();
  } catch (const std::invalid_argument& error) {
    throw SettingsError(error.what());
  }
  return c;
}

OptimizerSettings optimizer_settings(const Settings& settings, int64_t total_steps) {
  OptimizerSettings o;
  o.name = settings.optimizer;
  o.schedule.decay = parse_decay(settings.lr_schedule);
  o.schedule.warmup_steps = settings.lr_warmup_steps;
  o.schedule.total_steps = total_steps;
  o.schedule.min_ratio = static_cast<float>(settings.lr_min_ratio);
  o.lr = static_cast<float>(settings.lr);
  o.weight_decay = static_cast<float>(settings.weight_decay);
  o.beta1 = static_cast<float>(settings.beta1);
  o.beta2 = static_cast<float>(settings.beta2);
  o.muon.lr = static_cast<float>(settings.muon_lr);
  o.muon.momentum = static_cast<float>(settings.muon_momentum);
  o.muon.weight_decay = static_cast<float>(settings.muon_weight_decay);
  o.muon.steps = settings.muon_steps;
  o.muon.split_heads = settings.muon_split_heads;
  o.puzzle_lr = static_cast<float>(settings.puzzle_emb_lr);
  o.puzzle_weight_decay = static_cast<float>(settings.puzzle_emb_weight_decay);
  o.grad_clip_norm = static_cast<float>(settings.grad_clip_norm.value_or(0));
  o.frozen = settings.freeze_weights;
  o.ema = settings.ema && !settings.freeze_weights;
  o.ema_rate = static_cast<float>(settings.ema_rate);
  o.ema_start = settings.ema_start;
  return o;
}

}  // namespace trm
