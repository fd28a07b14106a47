#pragma once
// Means with their 95 % confidence intervals.
#include <cstdint>
#include <vector>

namespace trm {

struct Interval {
  double low = 0, high = 0;  // NaN where too little is known
};

/// Of `hits` among `trials`: Wilson's score interval (E. B. Wilson, JASA 22, 1927).
Interval share_interval(int64_t hits, int64_t trials);

/// A mean of values from 0 to 1, each an independent draw: ± 1.96 standard errors, within 0 to 1.
class SampleMean {
 public:
  void add(double value);
  void merge(const SampleMean& other);
  int64_t count() const { return static_cast<int64_t>(count_); }
  double mean() const;  // NaN of none
  Interval interval() const;

  std::vector<double> to_vector() const { return {count_, mean_, squares_}; }
  static SampleMean from_vector(const std::vector<double>& values);

 private:
  double count_ = 0, mean_ = 0, squares_ = 0;  // squares: Σ (x - mean)², by Welford's update
};

}  // namespace trm
