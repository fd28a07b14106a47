#pragma once
// How a key of each C++ type reads and writes itself, and words what it takes.
#include <limits>

#include "settings/keys.h"

namespace trm {

/// The values a number may have.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool above_low = false;   // low itself is out
  bool below_high = false;  // high itself is out

  bool holds(double value) const {
    return (above_low ? value > low : value >= low) && (below_high ? value < high : value <= high);
  }
};

inline Range at_least(double low) { return {.low = low}; }
inline Range above(double low) { return {.low = low, .above_low = true}; }
inline Range between(double low, double high) { return {.low = low, .high = high}; }
inline Range from_to_below(double low, double high) { return {.low = low, .high = high, .below_high = true}; }

/// A finer rule on a word: the value to keep, or nothing where the word is not one.
using Reading = std::function<std::optional<std::string>(const std::string&)>;

bool read_value(const Node& node, const Range& range, int& out);
bool read_value(const Node& node, const Range& range, std::int64_t& out);
bool read_value(const Node& node, const Range& range, double& out);
bool read_value(const Node& node, const Range&, bool& out);
bool read_value(const Node& node, const Range&, std::string& out);
bool read_value(const Node& node, const Range&, std::vector<std::string>& out);
bool read_value(const Node& node, const Range&, std::vector<EvaluatorSettings>& out);

template <class T>
bool read_value(const Node& node, const Range& range, std::optional<T>& out) {
  if (node.is_null()) {
    out.reset();
    return true;
  }
  T value{};
  if (!read_value(node, range, value)) return false;
  out = value;
  return true;
}

Node write_value(int value);
Node write_value(std::int64_t value);
Node write_value(double value);
Node write_value(bool value);
Node write_value(const std::string& value);
Node write_value(const std::vector<std::string>& value);
Node write_value(const std::vector<EvaluatorSettings>& value);

template <class T>
Node write_value(const std::optional<T>& value) {
  return value ? write_value(*value) : Node{};
}

std::string takes(const Range& range, const int*);
std::string takes(const Range& range, const std::int64_t*);
std::string takes(const Range& range, const double*);
std::string takes(const Range&, const bool*);
std::string takes(const Range&, const std::string*);
std::string takes(const Range&, const std::vector<std::string>*);
std::string takes(const Range&, const std::vector<EvaluatorSettings>*);

template <class T>
std::string takes(const Range& range, const std::optional<T>*) {
  return takes(range, static_cast<const T*>(nullptr)) + ", or null";
}

}  // namespace trm
