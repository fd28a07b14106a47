#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace trm {

/// Edits (insert, delete, replace, swap neighbours; capitals count as the small letter) that make `a` of `b`.
int edit_distance(std::string_view a, std::string_view b);

/// The candidate most like `name`, empty where there is none; a dotted candidate is also compared by its last part, and
/// one that contains the other counts as near.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

/// For the message on a command-line option that there is not: " (did you mean --x?)", "" where there is nothing to name.
std::string did_you_mean(const std::string& option, const std::vector<std::string>& known);

/// Whether two names are so alike that one is probably a slip for the other.
bool looks_like(std::string_view name, std::string_view candidate);

}  // namespace trm
