#pragma once
#include <vector>

#include "data/batch.h"

namespace trm {

/// A row's labels against its predictions.
struct RowScore {
  size_t row = 0;
  int32_t valid = 0, correct = 0;  // labels that count, and those predicted

  bool exact() const { return correct == valid; }
  double accuracy() const { return static_cast<double>(correct) / valid; }
};

/// Of a batch's real rows that have a valid label; preds [rows, seq_len].
std::vector<RowScore> score_rows(const Batch& batch, const std::vector<int32_t>& preds);

}  // namespace trm
