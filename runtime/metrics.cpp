#include "runtime/metrics.h"

#include <limits>
#include <stdexcept>

#include "device/op_types.h"

namespace trm {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

constexpr double MetricsReading::*means[] = {&MetricsReading::accuracy,        &MetricsReading::exact_accuracy,
                                             &MetricsReading::q_halt_accuracy, &MetricsReading::steps,
                                             &MetricsReading::lm_loss,         &MetricsReading::q_halt_loss,
                                             &MetricsReading::q_continue_loss};

constexpr double MetricsReading::*sums[] = {
    &MetricsReading::rows,           &MetricsReading::tokens,          &MetricsReading::accuracy,
    &MetricsReading::exact_accuracy, &MetricsReading::q_halt_accuracy, &MetricsReading::steps,
    &MetricsReading::lm_loss,        &MetricsReading::q_halt_loss,     &MetricsReading::q_continue_loss};

}  // namespace

MetricsReading divide_metrics(const std::vector<float>& sums, double total_rows) {
  MetricsReading m;
  m.rows = sums[Metric::rows];
  const auto per_row = [&](int slot) { return m.rows > 0 ? sums[slot] / m.rows : none; };
  const auto per_total = [&](int slot) { return total_rows > 0 ? sums[slot] / total_rows : none; };
  m.accuracy = per_row(Metric::accuracy);
  m.exact_accuracy = per_row(Metric::exact_accuracy);
  m.q_halt_accuracy = per_row(Metric::q_halt_accuracy);
  m.steps = per_row(Metric::steps);
  m.lm_loss = per_total(Metric::lm_loss);
  m.q_halt_loss = per_total(Metric::q_halt_loss);
  m.q_continue_loss = per_total(Metric::q_continue_loss);
  m.tokens = sums[Metric::valid_tokens];
  return m;
}

Metrics named_metrics(const std::string& prefix, const MetricsReading& m, bool continue_loss) {
  Metrics metrics{{prefix + "/lm_loss", m.lm_loss}, {prefix + "/q_halt_loss", m.q_halt_loss}};
  if (continue_loss) metrics.emplace_back(prefix + "/q_continue_loss", m.q_continue_loss);
  for (const auto& [name, value] :
       {std::pair{"/accuracy", m.accuracy}, std::pair{"/exact_accuracy", m.exact_accuracy},
        std::pair{"/q_halt_accuracy", m.q_halt_accuracy}, std::pair{"/steps", m.steps}, std::pair{"/count", m.rows}})
    metrics.emplace_back(prefix + name, value);
  return metrics;
}

void MetricsSum::add(const MetricsReading& reading) {
  if (reading.rows <= 0) return;
  sum_.rows += reading.rows;
  sum_.tokens += reading.tokens;
  for (const auto mean : means) sum_.*mean += reading.*mean * reading.rows;
}

void MetricsSum::merge(const MetricsSum& other) {
  for (const auto sum : sums) sum_.*sum += other.sum_.*sum;
}

MetricsReading MetricsSum::mean() const {
  MetricsReading result = sum_;
  for (const auto mean : means) result.*mean = sum_.rows > 0 ? sum_.*mean / sum_.rows : none;
  return result;
}

std::vector<double> MetricsSum::to_vector() const {
  std::vector<double> values;
  for (const auto sum : sums) values.push_back(sum_.*sum);
  return values;
}

MetricsSum MetricsSum::from_vector(const std::vector<double>& values) {
  if (values.size() != std::size(sums)) throw std::invalid_argument("sums of metrics of another version");
  MetricsSum made;
  for (size_t i = 0; i < values.size(); ++i) made.sum_.*sums[i] = values[i];
  return made;
}

}  // namespace trm
