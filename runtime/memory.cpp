#include "runtime/memory.h"

#include "arch/facts.h"
#include "device/backend.h"
#include "optimizer/optimizers.h"
#include "runtime/programs.h"

namespace trm {
namespace {

size_t table_bytes(const ModelConfig& config) {
  return static_cast<size_t>(config.num_puzzle_identifiers) * static_cast<size_t>(config.puzzle_emb_ndim) *
         sizeof(float);
}

std::string keys_to_lower(const ModelConfig& config, size_t need) {
  if (2 * table_bytes(config) > need) return "arch.puzzle_emb_ndim";
  const int64_t heads = int64_t{2} * config.vocab_size * config.hidden_size;
  if (2 * heads > parameter_count(config)) return "arch.hidden_size, or the vocabulary of the data";
  const arch::VariantFacts& variant = arch::variant(config.name);
  return std::string("arch.hidden_size, ") + (variant.H_level ? "arch.H_layers, " : "") +
         (variant.L_level ? "arch.L_layers, " : "") + "arch.expansion";
}

}  // namespace

size_t least_training_bytes(const ModelConfig& config, const OptimizerSettings& optimizer) {
  const bool frozen = optimizer.frozen;
  const size_t floats = 2 + (frozen ? 0 : static_cast<size_t>(find_optimizer(optimizer.name).least_state)) +
                        (optimizer.ema && !frozen ? 1 : 0);  // weight, gradient; moments; average
  const size_t each = floats * sizeof(float) + (config.forward_dtype == DType::bfloat16 ? sizeof(bfloat16) : 0);
  return static_cast<size_t>(parameter_count(config)) * each + table_bytes(config);
}

void require_training_memory(const ModelConfig& config, const OptimizerSettings& optimizer, Device device) {
  const size_t need = least_training_bytes(config, optimizer);
  const DeviceInfo info = Backend::of(device).info();
  if (info.memory_bytes == 0 || need <= info.memory_bytes) return;
  throw OutOfMemory("a model of " + with_commas(parameter_count(config)) + " parameters" +
                    (table_bytes(config) ? " and a puzzle table of " + memory_text(table_bytes(config)) : "") +
                    " needs at least " + memory_text(need) +
                    " for weights, gradients and what the optimizer keeps, and " + to_string(device) + " (" +
                    info.name + ") has " + memory_text(info.memory_bytes) + "; lower " + keys_to_lower(config, need));
}

}  // namespace trm
