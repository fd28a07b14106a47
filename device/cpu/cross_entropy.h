#pragma once
// The loss of single rows of logits, shared by cross_entropy and linear_cross_entropy.
#include <algorithm>
#include <cmath>

#include "device/cpu/labels.h"
#include "device/op_types.h"

namespace trm::cpu {

struct RowLoss {
  float loss, normalizer;
  int32_t prediction;
};

/// s(x) of stablemax and its derivative, of the branch that x is in.
inline float stable(float x) { return x >= 0 ? x + 1 : 1 / (1 - x); }
inline float stable_slope(float x) { return x >= 0 ? 1 : 1 / ((1 - x) * (1 - x)); }

template <class T>
RowLoss row_loss(const T* logits, int64_t V, int32_t label, LossKind kind) {
  int32_t best = 0;
  float largest = V ? static_cast<float>(logits[0]) : 0;
  for (int64_t j = 1; j < V; ++j)
    if (const float x = logits[j]; x > largest) {
      largest = x;
      best = static_cast<int32_t>(j);
    }
  double sum = 0;
  if (kind == LossKind::softmax) {
    for (int64_t j = 0; j < V; ++j) sum += std::exp(static_cast<float>(logits[j]) - largest);
    const double normalizer = largest + std::log(sum);
    const double loss = label == ignored_label ? 0 : normalizer - static_cast<float>(logits[label]);
    return {static_cast<float>(loss), static_cast<float>(normalizer), best};
  }
  for (int64_t j = 0; j < V; ++j) sum += stable(logits[j]);
  const double loss = label == ignored_label ? 0 : std::log(sum) - std::log(static_cast<double>(stable(logits[label])));
  return {static_cast<float>(loss), static_cast<float>(sum), best};
}

/// logits become scale · d loss / d logits. softmax: p - 1[y]; stablemax: s'(x)/Σ - 1[y] s'(x)/s(x)
template <class T>
void row_gradient(T* logits, int64_t V, int32_t label, float normalizer, float scale, LossKind kind) {
  if (label == ignored_label) {
    std::fill(logits, logits + V, T(0.0f));
    return;
  }
  const float right = logits[label];
  if (kind == LossKind::softmax) {
    for (int64_t j = 0; j < V; ++j) logits[j] = T(scale * std::exp(static_cast<float>(logits[j]) - normalizer));
    logits[label] = T(scale * (std::exp(right - normalizer) - 1));
  } else {
    for (int64_t j = 0; j < V; ++j) logits[j] = T(scale * (stable_slope(logits[j]) / normalizer));
    logits[label] = T(scale * stable_slope(right) * (1 / normalizer - 1 / stable(right)));
  }
}

}  // namespace trm::cpu
