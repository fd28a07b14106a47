#include "evaluation/accuracy.h"

#include <nlohmann/json.hpp>

#include "evaluation/row_scores.h"

namespace trm {

Accuracy::Accuracy(std::vector<std::string> sets, std::shared_ptr<const PuzzleKind> kind) : kind_(std::move(kind)) {
  for (std::string& name : sets) sets_.push_back({std::move(name), {}, 0, 0});
}

void Accuracy::begin(const EvaluationPlace&) {
  for (Set& set : sets_) set = {set.name, {}, 0, 0};
}

void Accuracy::add(const ExampleSet&, const Batch& batch, const std::vector<EvaluatedStep>& steps) {
  Set& set = sets_.at(batch.set);
  const auto preds = steps.back().result.preds.to_vector<int32_t>();
  for (const RowScore& score : score_rows(batch, preds)) {
    set.accuracy.add(score.accuracy());
    set.exact += score.exact();
    if (!lenient()) continue;
    const auto input = batch.input_row(score.row);
    const Puzzle puzzle{"", {input.begin(), input.end()}, {}, {}};
    const auto answer = std::span(preds).subspan(score.row * batch.seq_len, batch.seq_len);
    set.lenient += score.exact() || kind_->broken_rule(puzzle, answer).empty();
  }
}

Metrics Accuracy::metrics() {
  Metrics metrics;
  const auto add = [&](const std::string& name, const Interval& interval) {
    metrics.emplace_back(name + "_low", interval.low);
    metrics.emplace_back(name + "_high", interval.high);
  };
  for (const Set& set : sets_) {
    const int64_t rows = set.accuracy.count();
    add(set.name + "/accuracy", set.accuracy.interval());
    add(set.name + "/exact_accuracy", share_interval(set.exact, rows));
    if (!lenient()) continue;
    const std::string name = set.name + "/lenient_accuracy";
    metrics.emplace_back(name,
                         rows > 0 ? static_cast<double>(set.lenient) / static_cast<double>(rows) : set.accuracy.mean());
    add(name, share_interval(set.lenient, rows));
  }
  return metrics;
}

std::string Accuracy::state() const {
  nlohmann::json all = nlohmann::json::array();
  for (const Set& set : sets_) all.push_back({set.accuracy.to_vector(), set.exact, set.lenient});
  std::string bytes;
  nlohmann::json::to_cbor(all, bytes);
  return bytes;
}

void Accuracy::merge(const std::string& state) {
  const auto all = nlohmann::json::from_cbor(state);
  for (size_t i = 0; i < sets_.size(); ++i) {
    sets_[i].accuracy.merge(SampleMean::from_vector(all.at(i).at(0)));
    sets_[i].exact += all.at(i).at(1).get<int64_t>();
    sets_[i].lenient += all.at(i).at(2).get<int64_t>();
  }
}

}  // namespace trm
