#pragma once
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "data/error.h"

namespace trm {

using OnRecord = std::function<void(const nlohmann::json& record, const std::string& where)>;
using OnBadRecord = std::function<void(const DataError&)>;

/// Calls `visit` with each record of a file and where it stands ("record 3", counted from 0, or "line 4"). A file is a
/// JSON list of records, a single record, or JSON Lines, whatever its name: lines where the first one is JSON by itself
/// and more follow. Throws DataError naming file, line and column of what is not JSON. With `on_bad`, a line that is
/// not JSON, and what `visit` throws, goes there instead, and the next record follows.
void for_each_json_record(const std::filesystem::path& file, const OnRecord& visit, const OnBadRecord& on_bad = {});

}  // namespace trm
