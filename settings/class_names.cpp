#include "settings/class_names.h"

#include <algorithm>
#include <map>

namespace trm {
namespace {

/// "package.module@Class" as "module:Class", without the given package where it has it.
std::string plain(std::string text, const std::string& package) {
  if (text.rfind(package, 0) == 0) text.erase(0, package.size());
  std::replace(text.begin(), text.end(), '@', ':');
  return text;
}

}  // namespace

const std::vector<std::string>& arch_names() {
  static const std::vector<std::string> names = {"trm", "trm_singlez", "trm_hier6", "hrm", "transformers_baseline"};
  return names;
}

std::optional<std::string> arch_name(const std::string& text) {
  static const std::map<std::string, std::string> classes = {
      {"trm:TinyRecursiveReasoningModel_ACTV1", "trm"},
      {"trm_singlez:TinyRecursiveReasoningModel_ACTV1", "trm_singlez"},
      {"trm_hier6:TinyRecursiveReasoningModel_ACTV1", "trm_hier6"},
      {"hrm:HierarchicalReasoningModel_ACTV1", "hrm"},
      {"transformers_baseline:Model_ACTV2", "transformers_baseline"},
  };
  for (const std::string& name : arch_names())
    if (text == name) return name;
  const std::string in_package = plain(text, "models.");
  const std::string package = "recursive_reasoning.";
  if (in_package.rfind(package, 0) != 0) return std::nullopt;
  const auto found = classes.find(in_package.substr(package.size()));
  return found == classes.end() ? std::nullopt : std::optional(found->second);
}

bool is_loss_head(const std::string& text) { return plain(text, "models.") == "losses:ACTLossHead"; }

std::optional<std::string> evaluator_name(const std::string& text) {
  if (plain(text, "evaluators.") == "arc:ARC") return "arc@ARC";
  return std::nullopt;
}

}  // namespace trm
