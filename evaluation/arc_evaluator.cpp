#include "evaluation/arc_evaluator.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "checkpoint/atomic_file.h"
#include "data/error.h"
#include "data/files.h"
#include "logging/logging.h"

namespace trm {
namespace {

namespace fs = std::filesystem;

void append(std::string& text, const ArcCandidate& candidate, int attempt) {
  if (attempt > 1) text += ", ";
  text += "\"attempt_" + std::to_string(attempt) + "\": " + arc_json(candidate.grid);
}

}  // namespace

std::string arc_vote_key(const std::string& task, const ArcGrid& input) { return task + ' ' + arc_json(input); }

ArcEvaluator::ArcEvaluator(const fs::path& dataset, std::string name, EvaluatorSettings settings,
                           int32_t blank_identifier_id)
    : identifiers_(dataset), name_(std::move(name)), settings_(std::move(settings)), blank_(blank_identifier_id) {
  for (const ArcTask& task : identifiers_.tasks())
    for (const ArcPair& pair : task.test)
      if (!pair.output)
        throw DataError(quoted(dataset / "test_puzzles.json") + ": task '" + task.id +
                        "' has a test input without output: there is nothing to score against");
}

void ArcEvaluator::begin(const EvaluationPlace& place) {
  place_ = place;
  votes_.clear();
}

void ArcEvaluator::add(const ExampleSet& set, const Batch& batch, const std::vector<EvaluatedStep>& steps) {
  if (set.folder() != identifiers_.folder()) return;
  const auto preds = steps.back().result.preds.to_vector<int32_t>();
  const auto q = steps.back().result.q.to_vector<float>();
  for (size_t row = 0; row < batch.real_rows; ++row) {
    const int32_t id = batch.puzzle_identifiers[row];
    if (id == blank_) continue;
    const ArcIdentifiers::Identifier& identifier = identifiers_.at(id);
    if (identifier.task < 0) continue;
    const ArcAugmentation& augmentation = identifier.augmentation;
    const ArcGrid input = augmentation.undo(crop_canvas(batch.input_row(row)));
    const ArcGrid output = augmentation.undo(crop_canvas(std::span(preds).subspan(row * batch.seq_len, batch.seq_len)));
    votes_.add(arc_vote_key(identifiers_.tasks()[static_cast<size_t>(identifier.task)].id, input), output,
               1 / (1 + std::exp(-static_cast<double>(q[2 * row]))));
  }
}

Metrics ArcEvaluator::metrics() {
  if (settings_.aggregated_voting)
    earlier_.add(votes_);
  else
    earlier_ = std::move(votes_);
  votes_.clear();

  std::vector<double> right(settings_.pass_Ks.size());
  int64_t silent = 0;
  for (const ArcTask& task : identifiers_.tasks()) {
    for (const ArcPair& pair : task.test) {
      const std::string key = arc_vote_key(task.id, pair.input);
      const int64_t rank = earlier_.rank_of(key, *pair.output);
      silent += earlier_.votes(key) == 0;
      for (size_t i = 0; i < right.size(); ++i)
        if (rank >= 0 && rank < settings_.pass_Ks[i]) right[i] += 1 / static_cast<double>(task.test.size());
    }
  }
  if (silent > 0)
    logging::warn(name_ + ": " + std::to_string(silent) + " test inputs of " +
                  quoted(identifiers_.folder() / "test_puzzles.json") + " have no prediction; they count as wrong");
  if (place_.writes) write_submission();
  earlier_.prune(static_cast<size_t>(settings_.submission_K) + 1);

  Metrics metrics;
  for (size_t i = 0; i < right.size(); ++i)
    metrics.emplace_back(name_ + "/pass@" + std::to_string(settings_.pass_Ks[i]),
                         right[i] / static_cast<double>(identifiers_.tasks().size()));
  return metrics;
}

/// One that is empty is no attempt; where there are too few, the first stands for the others.
void ArcEvaluator::write_submission() const {
  const auto wanted = static_cast<size_t>(settings_.submission_K);
  std::string text = "{";
  for (const ArcTask& task : identifiers_.tasks()) {
    text += (text.size() > 1 ? ",\n" : "") + nlohmann::json(task.id).dump() + ": [";
    for (const ArcPair& pair : task.test) {
      std::vector<ArcCandidate> ranked = earlier_.ranked(arc_vote_key(task.id, pair.input), wanted + 1);
      ranked.resize(std::min(ranked.size(), wanted + 1));
      std::erase_if(ranked, [](const ArcCandidate& candidate) { return candidate.grid.colours.empty(); });
      if (ranked.empty()) ranked.push_back({{1, 1, {0}}, 0, 0});
      text += &pair == task.test.data() ? "{" : ", {";
      for (size_t i = 0; i < wanted; ++i) append(text, ranked[i < ranked.size() ? i : 0], static_cast<int>(i) + 1);
      text += "}";
    }
    text += "]";
  }
  text += "}\n";
  const fs::path folder = place_.folder / ("evaluator_" + name_ + "_step_" + std::to_string(place_.step));
  try {
    fs::create_directories(folder);
    checkpoint::write_file(folder / "submission.json", text);
  } catch (const std::exception& error) {
    logging::error(std::string(error.what()) + "; the submission of this evaluation is not saved");
  }
}

}  // namespace trm
