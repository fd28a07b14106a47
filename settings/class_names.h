#pragma once
// The Python project names a model by module and class; these say which of ours it is.
#include <optional>
#include <string>
#include <vector>

namespace trm {

/// Our own names of the models.
std::vector<std::string> arch_names();

/// Our name for ours, or for a Python class as its files have it:
/// "recursive_reasoning.trm:TinyRecursiveReasoningModel_ACTV1"
/// (":" or "@", with or without "models." before it). Nothing for any other text.
std::optional<std::string> arch_name(const std::string& text);

/// Whether the text names the Python project's ACT loss head ("losses:ACTLossHead", "losses@ACTLossHead").
bool is_loss_head(const std::string& text);

/// "arc@ARC" for the ARC evaluator ("arc@ARC", "arc:ARC", with or without "evaluators."). Nothing for any other text.
std::optional<std::string> evaluator_name(const std::string& text);

}  // namespace trm
