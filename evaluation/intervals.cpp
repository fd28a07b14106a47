#include "evaluation/intervals.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace trm {
namespace {

constexpr double z = 1.959963984540054, none = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Interval share_interval(int64_t hits, int64_t trials) {
  if (trials <= 0) return {none, none};
  const auto n = static_cast<double>(trials);
  const double p = static_cast<double>(hits) / n, middle = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {hits == 0 ? 0 : middle - half, hits == trials ? 1 : middle + half};
}

void SampleMean::add(double value) {
  count_ += 1;
  const double before = value - mean_;
  mean_ += before / count_;
  squares_ += before * (value - mean_);
}

void SampleMean::merge(const SampleMean& other) {
  const double all = count_ + other.count_, apart = other.mean_ - mean_;
  if (other.count_ == 0) return;
  squares_ += other.squares_ + apart * apart * count_ * other.count_ / all;
  mean_ += apart * other.count_ / all;
  count_ = all;
}

double SampleMean::mean() const { return count_ > 0 ? mean_ : none; }

Interval SampleMean::interval() const {
  if (count_ < 2) return {none, none};
  const double half = z * std::sqrt(squares_ / (count_ - 1) / count_);
  return {std::max(0.0, mean_ - half), std::min(1.0, mean_ + half)};
}

SampleMean SampleMean::from_vector(const std::vector<double>& values) {
  SampleMean made;
  made.count_ = values.at(0);
  made.mean_ = values.at(1);
  made.squares_ = values.at(2);
  return made;
}

}  // namespace trm
