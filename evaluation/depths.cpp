#include "evaluation/depths.h"

#include <nlohmann/json.hpp>

#include "evaluation/row_scores.h"

namespace trm {

void Depths::add(const ExampleSet&, const Batch& batch, const std::vector<EvaluatedStep>& steps) {
  std::vector<Depth>& depths = sets_.at(batch.set);
  depths.resize(std::max(depths.size(), steps.size()));
  for (size_t step = 0; step < steps.size(); ++step) {
    const auto preds = steps[step].result.preds.to_vector<int32_t>();
    const auto q = steps[step].result.q.to_vector<float>();
    for (const RowScore& score : score_rows(batch, preds)) {
      depths[step].accuracy.add(score.accuracy());
      depths[step].exact.add(score.exact());
      depths[step].q_halt.add((q[2 * score.row] >= 0) == score.exact());
    }
  }
}

Metrics Depths::metrics() {
  Metrics metrics;
  for (size_t set = 0; set < sets_.size(); ++set) {
    for (size_t step = 0; step < sets_[set].size(); ++step) {
      const Depth& depth = sets_[set][step];
      const std::string prefix = names_[set] + "/depth_" + std::to_string(step + 1);
      metrics.emplace_back(prefix + "/accuracy", depth.accuracy.mean());
      metrics.emplace_back(prefix + "/exact_accuracy", depth.exact.mean());
      metrics.emplace_back(prefix + "/q_halt_accuracy", depth.q_halt.mean());
    }
  }
  return metrics;
}

std::string Depths::state() const {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& depths : sets_) {
    nlohmann::json list = nlohmann::json::array();
    for (const Depth& depth : depths)
      list.push_back({depth.accuracy.to_vector(), depth.exact.to_vector(), depth.q_halt.to_vector()});
    all.push_back(std::move(list));
  }
  std::string bytes;
  nlohmann::json::to_cbor(all, bytes);
  return bytes;
}

void Depths::merge(const std::string& state) {
  const auto all = nlohmann::json::from_cbor(state);
  for (size_t set = 0; set < sets_.size(); ++set) {
    const auto& list = all.at(set);
    sets_[set].resize(std::max(sets_[set].size(), list.size()));
    for (size_t step = 0; step < list.size(); ++step) {
      Depth& depth = sets_[set][step];
      depth.accuracy.merge(SampleMean::from_vector(list[step].at(0)));
      depth.exact.merge(SampleMean::from_vector(list[step].at(1)));
      depth.q_halt.merge(SampleMean::from_vector(list[step].at(2)));
    }
  }
}

}  // namespace trm
