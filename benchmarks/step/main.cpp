// Times whole training steps (forward, loss, backward, optimizer) on random tokens: one JSON line a preset, with the fields of the PyTorch peer.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

#include "benchmarks/presets.h"
#include "device/backend.h"
#include "device/op.h"
#include "device/random.h"
#include "device/selection.h"
#include "runtime/op_report.h"
#include "runtime/training_step.h"

namespace trm::benchmarks {
namespace {

std::vector<int32_t> random_tokens(int64_t count, int vocab, uint64_t stream) {
  std::vector<int32_t> tokens(count);
  for (int64_t i = 0; i < count; ++i)
    tokens[i] = 1 + static_cast<int32_t>(random_numbers(1, RandomPurpose::test, stream, static_cast<uint32_t>(i))[0] % static_cast<uint32_t>(vocab - 1));
  return tokens;
}

void run(const std::string& name, const Options& options) {
  Preset preset = find_preset(name, false);
  const Device device = select_device(options.device.empty() ? std::nullopt : std::optional(options.device)).device;
  preset.config.forward_dtype = precision_rule(device, parse_dtype(options.dtype)).dtype;
  Model model(preset.config, device, 1, true);
  OptimizerSettings settings;
  settings.name = options.optimizer;
  settings.lr = 1e-4f;
  settings.puzzle_lr = 1e-4f;
  OptimizerState optimizer(model.parameters(), settings);
  const bool compile = compile_rule(device).on && !options.op_report;
  TrainingStep step(model, optimizer, {all_rows(preset.batch), 1, 1, compile});
  Backend& backend = Backend::of(device);

  const int64_t tokens = static_cast<int64_t>(preset.batch) * preset.config.seq_len;
  const std::vector<int32_t> ids(preset.batch, 0);
  std::vector<double> times;
  const auto timed = [&](int i) {
    const auto inputs = random_tokens(tokens, preset.config.vocab_size, 2 * i), labels = random_tokens(tokens, preset.config.vocab_size, 2 * i + 1);
    backend.synchronize();
    const auto start = std::chrono::steady_clock::now();
    step.run(inputs.data(), labels.data(), ids.data());
    backend.synchronize();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  for (int i = 0; i < options.warmup + options.iterations; ++i) {
    const double time = timed(i);
    if (i >= options.warmup) times.push_back(time);
  }
  const double ms = median(times);
  std::printf(R"({"engine": "trm.cpp", "preset": "%s", "device": "%s", "dtype": "%s", "optimizer": "%s", "compiled": %s, "ms_per_step": %.3f, "ms_min": %.3f, )"
              R"("examples_per_s": %.1f, "tokens_per_s": %.0f, "peak_gib": %.2f})"
              "\n",
              name.c_str(), to_string(device).c_str(), name_of(preset.config.forward_dtype), options.optimizer.c_str(), compile ? "true" : "false", ms,
              *std::min_element(times.begin(), times.end()), preset.batch / ms * 1e3, static_cast<double>(tokens) / ms * 1e3, peak_gib(device));
  if (options.op_report) {
    OpBase::reset_counts();
    dispatch_settings().timing = true;
    timed(options.warmup + options.iterations);
    dispatch_settings().timing = false;
    std::printf("%s", op_counts().c_str());
  }
  std::fflush(stdout);
}

}  // namespace
}  // namespace trm::benchmarks

int main(int argc, char** argv) {
  using namespace trm::benchmarks;
  const Options options = read_options(argc, argv, "Times a training step", {"cpu_sudoku_mlp", "cpu_sudoku_att", "cpu_chat"});
  try {
    for (const auto& name : options.presets) run(name, options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  return 0;
}
