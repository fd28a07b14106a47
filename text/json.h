#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace trm {

/// Throws TextError with line and column (of `whole`, which `text` is a part of; else of `text`) for what is not JSON,
/// has a NUL byte (which the library takes for the end), a number that no double holds, or more than 200 levels (which
/// writing or comparing it would recurse through). Bytes that are no UTF-8 are refused.
nlohmann::json parse_json(std::string_view text, std::string_view whole = {});

/// As messages show a value (text/printable.h).
std::string printable_json(const nlohmann::json& value, size_t longest = 100);

}  // namespace trm
