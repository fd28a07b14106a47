// Times one decoded token, batch 1, with a window of 512: the mean over positions 256 to 511. One JSON line a preset.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

#include "benchmarks/presets.h"
#include "device/random.h"
#include "device/rules.h"
#include "device/selection.h"
#include "model/decoder.h"

namespace trm::benchmarks {
namespace {

void run(const std::string& name, const Options& options) {
  Preset preset = find_preset(name, true);
  const Device device = select_device(options.device.empty() ? std::nullopt : std::optional(options.device)).device;
  preset.config.forward_dtype = precision_rule(device, parse_dtype(options.dtype)).dtype;
  const Model model(preset.config, device, 1, false);
  const CompileRule compile = compile_rule(device);
  const auto decoder = make_incremental_decoder(model, compile.on);
  const int first = 256, last = preset.config.seq_len;
  std::vector<int32_t> prompt(first);
  for (int i = 0; i < first; ++i) prompt[i] = 1 + static_cast<int32_t>(random_numbers(1, RandomPurpose::test, 0, i)[0] % (preset.config.vocab_size - 1));
  std::vector<double> times;
  for (int round = 0; round < 2; ++round) {  // the first warms up
    decoder->reset();
    times.clear();
    auto logits = decoder->feed(prompt);
    for (int position = first; position < last; ++position) {
      const auto start = std::chrono::steady_clock::now();
      const int32_t token = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      logits = decoder->feed(std::span(&token, 1));
      times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
  }
  double sum = 0;
  for (const double ms : times) sum += ms;
  const double mean = sum / static_cast<double>(times.size());
  std::printf(R"({"engine": "trm.cpp", "preset": "%s", "device": "%s", "dtype": "%s", "compiled": %s, "ms_per_token": %.3f, "ms_median": %.3f, "tokens_per_s": %.1f})"
              "\n",
              name.c_str(), to_string(device).c_str(), name_of(preset.config.forward_dtype), compile.on ? "true" : "false", mean, median(times), 1e3 / mean);
  std::fflush(stdout);
}

}  // namespace
}  // namespace trm::benchmarks

int main(int argc, char** argv) {
  using namespace trm::benchmarks;
  const Options options = read_options(argc, argv, "Times a decoded token", {"generate", "generate_recursive"});
  try {
    for (const auto& name : options.presets) run(name, options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  return 0;
}
