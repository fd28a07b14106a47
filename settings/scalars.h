#pragma once
// Text to value and back, by the type that a key declares (so 1e-4 is a number whatever YAML 1.1 says).
#include <cstdint>
#include <optional>
#include <string>

#include "settings/node.h"

namespace trm {

/// true/false, yes/no, on/off in any usual case, 1/0.
std::optional<bool> to_bool(const std::string& text);
/// Digits with a sign, underscores between digits, or a whole number written as a real one (1e3).
std::optional<std::int64_t> to_integer(const std::string& text);
/// A finite decimal number.
std::optional<double> to_number(const std::string& text);

/// Whether a text can be kept: UTF-8 (YAML has no other) without a zero.
bool is_text(const std::string& text);

Node from_bool(bool value);
Node from_integer(std::int64_t value);
/// The shortest text that reads back as the same double, always with a point (0.0001, 1.0e-05), as YAML 1.1 wants it.
Node from_number(double value);
/// Quoted where plain text would be read as something else; "${" is escaped.
Node from_string(const std::string& value);

}  // namespace trm
