#include "data/files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "data/error.h"

namespace trm {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

}  // namespace

std::string quoted(const std::filesystem::path& file) {
  return std::string(1, '\'').append(file.string()).append(1, '\'');
}

std::string read_text_file(const std::filesystem::path& file) {
  const auto fail = [&](const char* why) { throw DataError("cannot read " + quoted(file) + ": " + why); };
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) fail("it is a folder");
  const File in(std::fopen(file.c_str(), "rb"), &std::fclose);
  if (!in) fail(std::strerror(errno));
  std::string text;
  const auto size = std::filesystem::file_size(file, error);
  if (!error) text.reserve(size);
  char piece[1 << 16];
  while (const size_t count = std::fread(piece, 1, sizeof(piece), in.get())) text.append(piece, count);
  if (std::ferror(in.get())) fail(std::strerror(errno));
  return text;
}

void write_text_file(const std::filesystem::path& file, std::string_view text) {
  const auto fail = [&] { throw DataError("cannot write " + quoted(file) + ": " + std::strerror(errno)); };
  File out(std::fopen(file.c_str(), "wb"), &std::fclose);
  if (!out) fail();
  if (std::fwrite(text.data(), 1, text.size(), out.get()) != text.size()) fail();
  if (std::fclose(out.release()) != 0) fail();
}

std::string line_and_column(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t newline = before.rfind('\n');
  const size_t column = newline == std::string_view::npos ? before.size() + 1 : before.size() - newline;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace trm
