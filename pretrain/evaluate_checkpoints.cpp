#include "pretrain/evaluate_checkpoints.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "data/files.h"
#include "evaluation/evaluate.h"
#include "evaluation/evaluators.h"
#include "logging/logging.h"
#include "pretrain/append.h"
#include "pretrain/progress.h"
#include "pretrain/signals.h"
#include "pretrain/training_data.h"
#include "runtime/checkpoint_state.h"
#include "runtime/programs.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const Dataset> test_data(const LoadedModel& loaded) {
  const auto& paths =
      loaded.settings.data_paths_test.empty() ? loaded.settings.data_paths : loaded.settings.data_paths_test;
  if (paths.empty())
    throw DataError("the configuration in " + quoted(loaded.file) +
                    " names no data; data_paths_test=[FOLDER] on the command line does");
  auto data = std::make_shared<const Dataset>(Dataset::open({paths.begin(), paths.end()}, "test"));
  const auto require = [&](const char* name, int64_t model, int64_t here) {
    if (model != here)
      throw DataError(std::string("the data to evaluate on has ") + name + " " + std::to_string(here) +
                      ", the model of " + quoted(loaded.file) + " " + std::to_string(model));
  };
  const ModelConfig& config = loaded.model->config();
  require("seq_len", config.seq_len, data->metadata().seq_len);
  require("vocab_size", config.vocab_size, data->metadata().vocab_size);
  require("pad_id", config.pad_id, data->metadata().pad_id);
  if (config.puzzle_emb_ndim > 0 && data->max_puzzle_identifier() >= config.num_puzzle_identifiers)
    throw DataError("the data to evaluate on uses puzzle identifier " + std::to_string(data->max_puzzle_identifier()) +
                    ", and the puzzle table of " + quoted(loaded.file) + " has " +
                    std::to_string(config.num_puzzle_identifiers) + " rows");
  return data;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, std::fabs(value) >= 1e5 ? "%.0f" : "%.4f", value);
  return std::isnan(value) ? "-" : text;
}

/// A line a metric, its confidence interval behind it.
void print(const Metrics& metrics) {
  size_t width = 0;
  const auto value_of = [&](const std::string& name) {
    const auto found = std::ranges::find(metrics, name, &Metrics::value_type::first);
    return found == metrics.end() ? std::nullopt : std::optional(found->second);
  };
  const auto is_bound = [](const std::string& name) { return name.ends_with("_low") || name.ends_with("_high"); };
  for (const auto& [name, value] : metrics)
    if (!is_bound(name)) width = std::max(width, name.size());
  for (const auto& [name, value] : metrics) {
    if (is_bound(name)) continue;
    std::string line = "  " + name + std::string(width + 2 - name.size(), ' ') + number(value);
    const auto low = value_of(name + "_low"), high = value_of(name + "_high");
    if (low && high && !std::isnan(*low)) line += "  (95 %: " + number(*low) + " to " + number(*high) + ")";
    logging::note(line);
  }
}

void write_line(const LoadedModel& loaded, const Metrics& metrics) {
  nlohmann::ordered_json line;
  line["checkpoint"] = loaded.file.filename().string();
  line["step"] = loaded.step;
  for (const auto& [name, value] : metrics) line[name] = value;
  const fs::path file = loaded.file.parent_path() / "evaluations.jsonl";
  if (const int error = append_whole(file, line.dump() + "\n"))
    logging::warn("cannot write " + quoted(file) + ": " + std::strerror(error));
}

bool evaluate_one(const std::string& checkpoint, const LoadOptions& options, Device device) {
  const LoadedModel loaded = load_model(checkpoint, device, options);
  for (const std::string& note : loaded.notes) logging::note("Note: " + note);
  const auto data = test_data(loaded);
  Evaluators evaluators(loaded.settings, *data, loaded.model->config());

  const LoaderRule rule = loader_rule(device, loaded.settings.num_workers, loaded.settings.pin_memory);
  LoaderOptions loader = loader_options(loaded.settings, device, rule);
  loader.batch_size = std::min(loader.batch_size, data->examples());
  logging::note(loaded.file.string() + ", step " + with_commas(loaded.step) + (loaded.ema ? ", moving average" : "") +
                ": " + with_commas(static_cast<int64_t>(data->examples())) + " examples");
  Progress progress;
  const auto start = std::chrono::steady_clock::now();
  const auto metrics =
      evaluate(evaluators.runner(*loaded.model, static_cast<int64_t>(loader.batch_size)), data, loader,
               evaluators.all(), {loaded.file.parent_path(), loaded.step}, [&](uint64_t seen, uint64_t examples) {
                 progress.activity("evaluating " + std::to_string(seen) + "/" + std::to_string(examples));
                 return stop_signal() == 0;
               });
  progress.activity("");
  if (!metrics) return false;
  print(*metrics);
  write_line(loaded, *metrics);
  logging::note("  in " +
                duration_text(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()));
  return true;
}

}  // namespace

int evaluate_checkpoints(const std::vector<std::string>& checkpoints, const std::vector<std::string>& overrides,
                         Device device) {
  LoadOptions options;
  options.overrides = overrides;
  for (const std::string& checkpoint : checkpoints) {
    if (evaluate_one(checkpoint, options, device)) continue;
    logging::note(std::string("Stopped by ") + signal_name(stop_signal()));
    return 128 + stop_signal();
  }
  return 0;
}

}  // namespace trm
