#pragma once
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace trm {

/// Calls `visit` with each record of a file and where it stands ("record 3", counted from 0, or "line 4"). A file is a
/// JSON list of records, a single record, or JSON Lines (by its name .jsonl or .ndjson, or by a first line that is a
/// whole object with more behind it). Throws DataError naming file, line and column of what is not JSON.
void for_each_json_record(const std::filesystem::path& file,
                          const std::function<void(const nlohmann::json& record, const std::string& where)>& visit);

}  // namespace trm
