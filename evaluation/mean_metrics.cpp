#include "evaluation/mean_metrics.h"

#include <nlohmann/json.hpp>

namespace trm {
namespace {

/// Sums of so many batches are kept as float32, as the device makes them.
constexpr int batches_a_fold = 32;

}  // namespace

MeanMetrics::MeanMetrics(std::vector<std::string> sets, bool continue_loss) : continue_loss_(continue_loss) {
  for (std::string& name : sets) sets_.push_back({std::move(name), {}, {}, 0});
}

void MeanMetrics::begin(const EvaluationPlace&) {
  for (Set& set : sets_) set = {set.name, {}, {}, 0};
}

void MeanMetrics::add(const ExampleSet&, const Batch& batch, const std::vector<EvaluatedStep>& steps) {
  Set& set = sets_.at(batch.set);
  const auto sums = steps.back().metrics.to_vector<float>();
  for (size_t slot = 0; slot < sums.size(); ++slot) set.recent[slot] += sums[slot];
  if (++set.batches == batches_a_fold) fold(set);
}

void MeanMetrics::fold(Set& set) {
  std::vector<float> sums(set.recent.begin(), set.recent.end());
  // Rows without a valid label, padding among them, count nowhere.
  sums[Metric::q_halt_loss] = sums[Metric::counted_q_halt_loss];
  sums[Metric::q_continue_loss] = sums[Metric::counted_q_continue_loss];
  set.sum.add(divide_metrics(sums, sums[Metric::rows]));
  set.recent.fill(0);
  set.batches = 0;
}

void MeanMetrics::fold_all() {
  for (Set& set : sets_) fold(set);
}

Metrics MeanMetrics::metrics() {
  fold_all();
  Metrics all;
  for (const Set& set : sets_)
    for (auto& metric : named_metrics(set.name, set.sum.mean(), continue_loss_)) all.push_back(std::move(metric));
  return all;
}

MetricsReading MeanMetrics::total() {
  fold_all();
  MetricsSum total;
  for (const Set& set : sets_) total.add(set.sum.mean());
  return total.mean();
}

std::string MeanMetrics::state() const {
  nlohmann::json all = nlohmann::json::array();
  for (Set set : sets_) {
    fold(set);
    all.push_back(set.sum.to_vector());
  }
  std::string bytes;
  nlohmann::json::to_cbor(all, bytes);
  return bytes;
}

void MeanMetrics::merge(const std::string& state) {
  fold_all();
  const auto all = nlohmann::json::from_cbor(state);
  for (size_t i = 0; i < sets_.size(); ++i) sets_[i].sum.merge(MetricsSum::from_vector(all.at(i)));
}

}  // namespace trm
