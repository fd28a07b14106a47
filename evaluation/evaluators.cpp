#include "evaluation/evaluators.h"

#include <algorithm>

#include "data/error.h"
#include "data/files.h"
#include "evaluation/accuracy.h"
#include "evaluation/arc_evaluator.h"
#include "evaluation/depths.h"
#include "evaluation/saved_outputs.h"
#include "evaluation/searched_batch.h"
#include "puzzles/kinds.h"
#include "settings/validate.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

/// The dataset folders that the sets are of, each once.
std::vector<fs::path> folders_of(const Dataset& dataset) {
  std::vector<fs::path> folders;
  for (const ExampleSet& set : dataset.sets())
    if (std::find(folders.begin(), folders.end(), set.folder()) == folders.end()) folders.push_back(set.folder());
  return folders;
}

}  // namespace

Evaluators::Evaluators(const Settings& settings, const Dataset& dataset, const ModelConfig& config)
    : settings_(settings) {
  const Metadata& metadata = dataset.metadata();
  auto means = std::make_unique<MeanMetrics>(metadata.sets, config.continue_loss());
  means_ = means.get();
  all_.push_back(std::move(means));
  if (settings.dataset_type == "puzzle")
    kind_ = puzzle_kind(metadata.puzzle_kind, metadata.vocab_size, metadata.seq_len);
  all_.push_back(std::make_unique<Accuracy>(metadata.sets, kind_));
  if (settings.eval_depths) all_.push_back(std::make_unique<Depths>(metadata.sets));
  if (!settings.eval_save_outputs.empty()) all_.push_back(std::make_unique<SavedOutputs>(settings.eval_save_outputs));
  for (const EvaluatorSettings& evaluator : settings.evaluators)
    add_arc(evaluator, dataset, kind_ && kind_->name() == "arc");
}

void Evaluators::add_arc(const EvaluatorSettings& settings, const Dataset& dataset, bool arc) {
  size_t number = 0;
  for (const fs::path& folder : folders_of(dataset)) {
    const std::string name = number == 0 ? "ARC" : "ARC" + std::to_string(number);
    ++number;
    if (!arc && !fs::exists(folder / "test_puzzles.json")) continue;
    all_.push_back(std::make_unique<ArcEvaluator>(folder, name, settings, dataset.metadata().blank_identifier_id));
  }
}

BatchRunner Evaluators::runner(const Model& model, int64_t rows) const {
  return searches(settings_) ? search_batches(model, kind_, settings_) : run_batches(model, rows);
}

std::vector<Evaluator*> Evaluators::all() const {
  std::vector<Evaluator*> all;
  for (const auto& evaluator : all_) all.push_back(evaluator.get());
  return all;
}

}  // namespace trm
