#pragma once
#include <string>
#include <utility>
#include <vector>

namespace trm {

/// Names and values of one line of metrics, in this order; NaN is written as null.
using Metrics = std::vector<std::pair<std::string, double>>;

/// Sums since the last read, divided as model.md says ("Loss and metrics").
struct MetricsReading {
  double rows = 0;  // that halted and have a valid label; the next five are means over them, NaN where there are none
  double accuracy = 0, exact_accuracy = 0, q_halt_accuracy = 0, steps = 0;
  double lm_loss = 0, q_halt_loss = 0, q_continue_loss = 0;  // per row of all batches (evaluation: per counted row)
  double tokens = 0;                                         // valid labels seen
};

/// Sums (f32 [Metric::count]) as means: losses over `total_rows`, the rest over the rows that they are of.
MetricsReading divide_metrics(const std::vector<float>& sums, double total_rows);

/// lm_loss, q_halt_loss, (q_continue_loss), accuracy, exact_accuracy, q_halt_accuracy, steps, count under "<prefix>/".
Metrics named_metrics(const std::string& prefix, const MetricsReading& reading, bool continue_loss);

/// Sums readings by the rows that they are means over.
class MetricsSum {
 public:
  void add(const MetricsReading& reading);
  void merge(const MetricsSum& other);
  MetricsReading mean() const;

  /// As numbers, for another process, and back.
  std::vector<double> to_vector() const;
  static MetricsSum from_vector(const std::vector<double>& values);

 private:
  MetricsReading sum_;
};

}  // namespace trm
