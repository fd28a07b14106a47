#include "data/files.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "data/error.h"
#include "text/encoding.h"
#include "text/error.h"
#include "text/printable.h"

namespace trm {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

}  // namespace

std::string quoted(const std::filesystem::path& file) {
  return std::string(1, '\'').append(printable(file.string(), 400)).append(1, '\'');
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
  try {
    return to_utf8(std::move(text));
  } catch (const TextError& wrong) {
    throw DataError(quoted(file) + ": " + wrong.what());
  }
}

void write_text_file(const std::filesystem::path& file, std::string_view text) {
  const auto fail = [&] { throw DataError("cannot write " + quoted(file) + ": " + std::strerror(errno)); };
  File out(std::fopen(file.c_str(), "wb"), &std::fclose);
  if (!out) fail();
  if (std::fwrite(text.data(), 1, text.size(), out.get()) != text.size()) fail();
  if (std::fclose(out.release()) != 0) fail();
}

}  // namespace trm
