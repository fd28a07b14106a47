#include "puzzles/csv.h"

#include <algorithm>

#include "data/files.h"
#include "puzzles/error.h"

namespace trm {

CsvReader::CsvReader(const std::filesystem::path& file) : file_(file), in_(file, std::ios::binary) {
  std::error_code ignored;
  if (!in_ || std::filesystem::is_directory(file, ignored)) throw PuzzleError("cannot read " + quoted(file));
  if (!read_fields(columns_))
    throw PuzzleError(quoted(file) + " is empty; a header such as source,question,answer,rating is needed");
  if (columns_[0].starts_with("\xef\xbb\xbf")) columns_[0].erase(0, 3);
}

bool CsvReader::has(const std::string& name) const { return std::ranges::find(columns_, name) != columns_.end(); }

size_t CsvReader::column(const std::string& name) const {
  const auto found = std::ranges::find(columns_, name);
  if (found != columns_.end()) return static_cast<size_t>(found - columns_.begin());
  std::string have;
  for (const std::string& column : columns_) have += (have.empty() ? "'" : ", '") + column + "'";
  throw PuzzleError(quoted(file_) + ", line 1: there is no column '" + name + "' among " + have +
                    "; the first line names the columns, such as source,question,answer,rating");
}

bool CsvReader::next(std::vector<std::string>& fields) {
  do {
    if (!read_fields(fields)) return false;
  } while (fields.size() == 1 && fields[0].empty());
  if (fields.size() != columns_.size())
    throw PuzzleError(where() + ": it has " + std::to_string(fields.size()) + " fields, the header names " +
                      std::to_string(columns_.size()));
  return true;
}

std::string CsvReader::where() const { return quoted(file_) + ", line " + std::to_string(row_line_); }

bool CsvReader::read_fields(std::vector<std::string>& fields) {
  fields.clear();
  row_line_ = next_line_ + 1;
  bool quoted_field = false;  // within quotes, which may go on over lines
  std::string field;
  while (std::getline(in_, line_)) {
    ++next_line_;
    if (line_.ends_with('\r')) line_.pop_back();
    for (size_t i = 0; i < line_.size(); ++i) {
      const char c = line_[i];
      if (quoted_field) {
        if (c != '"') {
          field += c;
        } else if (i + 1 < line_.size() && line_[i + 1] == '"') {
          field += '"';
          ++i;
        } else {
          quoted_field = false;
          if (i + 1 < line_.size() && line_[i + 1] != ',')
            throw PuzzleError(where() + ": something follows the closing quote of field " +
                              std::to_string(fields.size() + 1));
        }
      } else if (c == ',') {
        fields.push_back(std::move(field));
        field.clear();
      } else if (c == '"' && (i == 0 || line_[i - 1] == ',') && field.empty()) {
        quoted_field = true;
      } else {
        field += c;
      }
    }
    if (!quoted_field) {
      fields.push_back(std::move(field));
      return true;
    }
    field += '\n';
  }
  if (in_.bad()) throw PuzzleError("cannot read " + quoted(file_));
  if (quoted_field)
    throw PuzzleError(where() + ": the quotes of field " + std::to_string(fields.size() + 1) + " never close");
  return false;
}

}  // namespace trm
