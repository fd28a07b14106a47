#include "runtime/memory.h"

#include "tests/runtime/small_run.h"

namespace trm::testing {
namespace {

// What is asked for before a weight is made is what a model and its optimizer then take: no more, and no less than nine
// tenths.
TEST(LeastTrainingBytes, IsWhatModelAndOptimizerTake) {
  for (const bool ema : {false, true})
    for (const bool puzzles : {false, true}) {
      ModelConfig config = small_config(puzzles);
      config.forward_dtype = DType::float32;
      config.hidden_size = 256;
      config.num_puzzle_identifiers = puzzles ? 2000 : 1;
      OptimizerSettings settings = small_optimizer();
      settings.ema = ema;
      const auto arena = std::make_shared<Arena>(cpu_device);
      const ArenaScope scope(arena);
      const Model model(config, cpu_device, 1, true);
      const OptimizerState optimizer(model.parameters(), settings);
      const double need = static_cast<double>(least_training_bytes(config, settings)),
                   taken = static_cast<double>(arena->bytes_in_use());
      EXPECT_LE(need, taken) << ema << puzzles;
      EXPECT_GE(need, 0.6 * taken) << ema << puzzles << ": the rest is the packed form of the weights";
    }
}

TEST(RequireTrainingMemory, NamesNeedMemoryAndWhatToLower) {
  ModelConfig config = small_config(false);
  EXPECT_NO_THROW(require_training_memory(config, small_optimizer(), cpu_device));
  config.hidden_size = 1 << 20;
  config.num_heads = 1 << 14;
  try {
    require_training_memory(config, small_optimizer(), cpu_device);
    FAIL() << "nothing thrown";
  } catch (const OutOfMemory& error) {
    for (const std::string part : {"parameters", "needs at least", "MiB", "cpu", "arch.hidden_size"})
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part << ": " << error.what();
  }
}

}  // namespace
}  // namespace trm::testing
