#include "settings/class_names.h"

#include <algorithm>

#include "arch/facts.h"

namespace trm {
namespace {

/// "package.module@Class" as "module:Class", without the given package where it has it.
std::string plain(std::string text, const std::string& package) {
  if (text.rfind(package, 0) == 0) text.erase(0, package.size());
  std::replace(text.begin(), text.end(), '@', ':');
  return text;
}

}  // namespace

std::vector<std::string> arch_names() {
  std::vector<std::string> names;
  for (const arch::VariantFacts& variant : arch::variants()) names.push_back(variant.name);
  return names;
}

std::optional<std::string> arch_name(const std::string& text) {
  for (const arch::VariantFacts& variant : arch::variants())
    if (text == variant.name) return variant.name;
  const std::string in_package = plain(text, "models.");
  const std::string package = "recursive_reasoning.";
  if (in_package.rfind(package, 0) != 0) return std::nullopt;
  const std::string name = in_package.substr(package.size());
  for (const arch::VariantFacts& variant : arch::variants())
    if (!variant.python_class.empty() && name == variant.python_class) return variant.name;
  return std::nullopt;
}

bool is_loss_head(const std::string& text) { return plain(text, "models.") == "losses:ACTLossHead"; }

std::optional<std::string> evaluator_name(const std::string& text) {
  if (plain(text, "evaluators.") == "arc:ARC") return "arc@ARC";
  return std::nullopt;
}

}  // namespace trm
