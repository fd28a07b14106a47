#include "data/json_records.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "data/error.h"
#include "data/files.h"
#include "text/error.h"
#include "text/json.h"

namespace trm {
namespace {

using nlohmann::json;
constexpr std::string_view kBlank = " \t\r\n";

json parse(const std::filesystem::path& file, std::string_view whole, std::string_view text) {
  try {
    return parse_json(text, whole);
  } catch (const TextError& error) {
    throw DataError(quoted(file) + ": " + error.what());
  }
}

/// Calls `read`; what it throws goes to `on_bad` where there is one.
template <class Read>
void guarded(const OnBadRecord& on_bad, const Read& read) {
  try {
    read();
  } catch (const DataError& error) {
    if (!on_bad) throw;
    on_bad(error);
  }
}

/// A list among the lines stands for its records.
void visit_all(const json& value, const std::string& where, const OnRecord& visit, const OnBadRecord& on_bad) {
  if (!value.is_array()) return guarded(on_bad, [&] { visit(value, where.empty() ? "record 0" : where); });
  for (size_t i = 0; i < value.size(); ++i)
    guarded(on_bad, [&] { visit(value[i], (where.empty() ? "" : where + ", ") + "record " + std::to_string(i)); });
}

void for_each_line(const std::filesystem::path& file, std::string_view text, const OnRecord& visit,
                   const OnBadRecord& on_bad) {
  size_t number = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = text.substr(start, end - start);
    ++number;
    if (line.find_first_not_of(kBlank) != std::string_view::npos) {
      guarded(on_bad, [&] { visit_all(parse(file, text, line), "line " + std::to_string(number), visit, on_bad); });
    }
    start = end + 1;
  }
}

bool is_json(std::string_view text) { return text.find('\0') == std::string_view::npos && json::accept(text); }

/// The content decides; the name only where it is neither.
bool is_json_lines(const std::filesystem::path& file, std::string_view text) {
  const bool named_so = file.extension() == ".jsonl" || file.extension() == ".ndjson";
  const size_t first = text.find_first_not_of(kBlank);
  const size_t end = text.find('\n', first);
  const bool one_line = end == std::string_view::npos || text.find_first_not_of(kBlank, end) == std::string_view::npos;
  if (one_line) return named_so && text[first] != '[';
  if (is_json(text.substr(first, end - first))) return true;
  return named_so && !is_json(text);
}

}  // namespace

void for_each_json_record(const std::filesystem::path& file, const OnRecord& visit, const OnBadRecord& on_bad) {
  const std::string text = read_text_file(file);
  if (text.find_first_not_of(kBlank) == std::string::npos) throw DataError(quoted(file) + " is empty");
  if (is_json_lines(file, text)) return for_each_line(file, text, visit, on_bad);
  visit_all(parse(file, text, text), "", visit, on_bad);
}

}  // namespace trm
