#include "evaluation/row_scores.h"

namespace trm {

std::vector<RowScore> score_rows(const Batch& batch, const std::vector<int32_t>& preds) {
  std::vector<RowScore> scores;
  for (size_t row = 0; row < batch.real_rows; ++row) {
    RowScore score{row, 0, 0};
    const auto labels = batch.label_row(row);
    for (size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] < 0) continue;
      ++score.valid;
      score.correct += labels[i] == preds[row * batch.seq_len + i];
    }
    if (score.valid > 0) scores.push_back(score);
  }
  return scores;
}

}  // namespace trm
