#include "settings/key_types.h"

#include "settings/class_names.h"
#include "settings/error.h"
#include "settings/scalars.h"
#include "text/printable.h"

namespace trm {
namespace {

template <class T>
bool read_integer(const Node& node, const Range& range, T& out) {
  if (!node.is_scalar()) return false;
  const auto value = to_integer(node.text);
  if (!value || *value < std::numeric_limits<T>::min() || *value > std::numeric_limits<T>::max()) return false;
  if (!range.holds(static_cast<double>(*value))) return false;
  out = static_cast<T>(*value);
  return true;
}

std::string bound(double value) {
  std::string text = from_number(value).text;
  if (text.size() > 2 && text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

std::string in_range(const std::string& what, const Range& range) {
  const bool low = range.low > -std::numeric_limits<double>::infinity();
  const bool high = range.high < std::numeric_limits<double>::infinity();
  if (low && high)
    return what + " from " + bound(range.low) + " to " + (range.below_high ? "below " : "") + bound(range.high);
  if (low) return what + (range.above_low ? " above " : " of at least ") + bound(range.low);
  return what;
}

bool read_evaluator(const Node& node, EvaluatorSettings& out) {
  const Node* name = node.is_map() ? node.find("name") : &node;
  if (!name || !name->is_scalar()) return false;
  const auto known_name = evaluator_name(name->text);
  if (!known_name) return false;
  out.name = *known_name;
  for (const auto& [key, value] : node.entries) {
    if (key == "name") continue;
    if (key == "submission_K") {
      if (!read_value(value, at_least(1), out.submission_K)) return false;
    } else if (key == "aggregated_voting") {
      if (!read_value(value, {}, out.aggregated_voting)) return false;
    } else if (key == "pass_Ks" && value.is_list()) {
      out.pass_Ks.assign(value.items.size(), 0);
      for (std::size_t i = 0; i < value.items.size(); ++i)
        if (!read_value(value.items[i], at_least(1), out.pass_Ks[i])) return false;
    } else if (key == "pass_Ks") {
      return false;
    } else {
      throw SettingsError("evaluators: unknown key in '" + printable(key) + ": " + to_text(value) + "' of " +
                          *known_name + " (" + value.origin +
                          "); there are submission_K, pass_Ks and aggregated_voting");
    }
  }
  return !out.pass_Ks.empty();
}

}  // namespace

bool read_value(const Node& node, const Range& range, int& out) { return read_integer(node, range, out); }
bool read_value(const Node& node, const Range& range, std::int64_t& out) { return read_integer(node, range, out); }

bool read_value(const Node& node, const Range& range, double& out) {
  const auto value = node.is_scalar() ? to_number(node.text) : std::nullopt;
  if (!value || !range.holds(*value)) return false;
  out = *value;
  return true;
}

bool read_value(const Node& node, const Range&, bool& out) {
  const auto value = node.is_scalar() ? to_bool(node.text) : std::nullopt;
  if (value) out = *value;
  return value.has_value();
}

bool read_value(const Node& node, const Range&, std::string& out) {
  if (!node.is_scalar() || node.text.empty() || !is_text(node.text)) return false;
  out = node.text;
  return true;
}

bool read_value(const Node& node, const Range& range, std::vector<std::string>& out) {
  if (!node.is_list() && !node.is_null()) return false;  // null is an empty list
  std::vector<std::string> values(node.items.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!read_value(node.items[i], range, values[i])) return false;
  out = std::move(values);
  return true;
}

bool read_value(const Node& node, const Range&, std::vector<EvaluatorSettings>& out) {
  if (!node.is_list() && !node.is_null()) return false;  // null is an empty list
  std::vector<EvaluatorSettings> values(node.items.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!read_evaluator(node.items[i], values[i])) return false;
  out = std::move(values);
  return true;
}

Node write_value(int value) { return from_integer(value); }
Node write_value(std::int64_t value) { return from_integer(value); }
Node write_value(double value) { return from_number(value); }
Node write_value(bool value) { return from_bool(value); }
Node write_value(const std::string& value) { return from_string(value); }

Node write_value(const std::vector<std::string>& value) {
  Node node = Node::list();
  for (const std::string& item : value) node.items.push_back(from_string(item));
  return node;
}

Node write_value(const std::vector<EvaluatorSettings>& value) {
  Node node = Node::list();
  const EvaluatorSettings usual;
  for (const EvaluatorSettings& evaluator : value) {
    Node& item = node.items.emplace_back(Node::map());
    item.set("name", from_string(evaluator.name));
    if (evaluator.submission_K != usual.submission_K) item.set("submission_K", from_integer(evaluator.submission_K));
    if (evaluator.pass_Ks != usual.pass_Ks) {
      Node ks = Node::list();
      for (int k : evaluator.pass_Ks) ks.items.push_back(from_integer(k));
      item.set("pass_Ks", std::move(ks));
    }
    if (evaluator.aggregated_voting != usual.aggregated_voting)
      item.set("aggregated_voting", from_bool(evaluator.aggregated_voting));
  }
  return node;
}

std::string takes(const Range& range, const int*) { return in_range("an integer", range); }
std::string takes(const Range& range, const std::int64_t*) { return in_range("an integer", range); }
std::string takes(const Range& range, const double*) { return in_range("a number", range); }
std::string takes(const Range&, const bool*) { return "true or false"; }
std::string takes(const Range&, const std::string*) { return "a text"; }
std::string takes(const Range&, const std::vector<std::string>*) { return "a list of texts, such as [a,b] or []"; }
std::string takes(const Range&, const std::vector<EvaluatorSettings>*) {
  return "a list of evaluators: [] or [{name: arc@ARC}], with submission_K, pass_Ks, aggregated_voting if wanted";
}

}  // namespace trm
