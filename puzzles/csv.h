#pragma once
// Comma-separated values (RFC 4180): quoted fields, LF or CRLF, with or without a byte order mark.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace trm {

/// Reads a file row by row; the first row names the columns.
class CsvReader {
 public:
  /// Throws PuzzleError: a file that cannot be read, without a header.
  explicit CsvReader(const std::filesystem::path& file);

  /// The place of a column. Throws PuzzleError naming the columns that there are.
  size_t column(const std::string& name) const;
  bool has(const std::string& name) const;

  /// The next row, of as many fields as there are columns; false at the end. Empty lines are left out. Throws
  /// PuzzleError naming file and line.
  bool next(std::vector<std::string>& fields);

  /// "'train.csv', line 18": where the row that next() gave starts.
  std::string where() const;

 private:
  bool read_fields(std::vector<std::string>& fields);

  std::filesystem::path file_;
  std::ifstream in_;
  std::vector<std::string> columns_;
  std::string line_;
  size_t next_line_ = 0, row_line_ = 0;
};

}  // namespace trm
