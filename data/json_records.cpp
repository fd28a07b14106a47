#include "data/json_records.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "data/error.h"
#include "data/files.h"

namespace trm {
namespace {

using nlohmann::json;
constexpr std::string_view kBlank = " \t\r\n";

/// `text` is a part of `whole`, so that the position in an error is that in the file.
json parse(const std::filesystem::path& file, std::string_view whole, std::string_view text) {
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    const std::string_view what = error.what();
    const size_t column = what.find("column ");
    const size_t colon = column == std::string_view::npos ? column : what.find(": ", column);
    const std::string reason = colon == std::string_view::npos ? "" : ": " + std::string(what.substr(colon + 2));
    const auto start = static_cast<size_t>(text.data() - whole.data());
    throw DataError(quoted(file) + ": malformed JSON at " +
                    line_and_column(whole, start + (error.byte == 0 ? 0 : error.byte - 1)) + reason);
  }
}

void for_each_line(const std::filesystem::path& file, std::string_view text,
                   const std::function<void(const json&, const std::string&)>& visit) {
  size_t number = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = text.substr(start, end - start);
    ++number;
    if (line.find_first_not_of(kBlank) != std::string_view::npos) {
      visit(parse(file, text, line), "line " + std::to_string(number));
    }
    start = end + 1;
  }
}

bool is_json_lines(const std::filesystem::path& file, std::string_view text) {
  if (file.extension() == ".jsonl" || file.extension() == ".ndjson") return true;
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos || text[first] != '{') return false;
  const size_t end = text.find('\n', first);
  if (end == std::string_view::npos || text.find_first_not_of(kBlank, end) == std::string_view::npos) return false;
  return json::accept(text.substr(first, end - first));
}

}  // namespace

void for_each_json_record(const std::filesystem::path& file,
                          const std::function<void(const json&, const std::string&)>& visit) {
  const std::string content = read_text_file(file);
  std::string_view text = content;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.find_first_not_of(kBlank) == std::string_view::npos) throw DataError(quoted(file) + " is empty");
  if (is_json_lines(file, text)) return for_each_line(file, text, visit);
  const json whole = parse(file, text, text);
  if (!whole.is_array()) return visit(whole, "record 0");
  for (size_t i = 0; i < whole.size(); ++i) visit(whole[i], "record " + std::to_string(i));
}

}  // namespace trm
