#include "text/encoding.h"

#include <utf8.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <vector>

#include "text/error.h"
#include "text/printable.h"

namespace trm {
namespace {

using namespace std::string_view_literals;

struct Format {
  std::string_view magic, what;
};

constexpr Format kFormats[] = {{"\x1f\x8b"sv, "compressed with gzip; unpack it first"},
                               {"BZh"sv, "compressed with bzip2; unpack it first"},
                               {"\xfd\x37zXZ\0"sv, "compressed with xz; unpack it first"},
                               {"\x28\xb5\x2f\xfd"sv, "compressed with zstd; unpack it first"},
                               {"\x04\x22\x4d\x18"sv, "compressed with lz4; unpack it first"},
                               {"PK\x03\x04"sv, "a zip archive; unpack it first"},
                               {"7z\xbc\xaf\x27\x1c"sv, "a 7z archive; unpack it first"},
                               {"%PDF"sv, "a PDF document; extract its text first"},
                               {"\xd0\xcf\x11\xe0"sv, "an Office document; save it as text first"},
                               {"PAR1"sv, "a Parquet table; convert it to JSON Lines first"},
                               {"ARROW1"sv, "an Arrow table; convert it to JSON Lines first"},
                               {"SQLite format 3\0"sv, "an SQLite database; export it as JSON Lines first"},
                               {"\x89HDF\r\n\x1a\n"sv, "an HDF5 file"},
                               {"\x93NUMPY"sv, "a NumPy array"},
                               {"GGUF"sv, "a GGUF file of weights, as llama.cpp has them"},
                               {"\x89PNG"sv, "a PNG image"},
                               {"\xff\xd8\xff"sv, "a JPEG image"},
                               {"\x7f\x45LF"sv, "a program"}};

/// Eight bytes of length, then a JSON object of that many bytes.
bool is_safetensors(std::string_view bytes) {
  uint64_t length = 0;
  if (bytes.size() < 10) return false;
  std::memcpy(&length, bytes.data(), sizeof length);
  return length > 1 && length < (1u << 27) && bytes[8] == '{' && (bytes[9] == '"' || bytes[9] == '}');
}

/// Of Western text in UTF-16 each second byte is zero.
bool looks_like_utf16(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, 512);
  size_t zeros[2] = {0, 0};
  for (size_t i = 0; i < head.size(); ++i) zeros[i % 2] += head[i] == '\0';
  const auto [few, many] = std::minmax(zeros[0], zeros[1]);
  return many >= 4 && few == 0 && many >= head.size() / 4;
}

std::string from_utf16(std::string_view bytes, bool big_endian) {
  if (bytes.size() % 2) throw TextError("it is UTF-16 and ends within a character");
  std::vector<uint16_t> units(bytes.size() / 2);
  for (size_t i = 0; i < units.size(); ++i) {
    const auto first = static_cast<unsigned char>(bytes[2 * i]), second = static_cast<unsigned char>(bytes[2 * i + 1]);
    units[i] = static_cast<uint16_t>(big_endian ? first << 8 | second : second << 8 | first);
  }
  std::string text;
  try {
    utf8::utf16to8(units.begin(), units.end(), std::back_inserter(text));
  } catch (const utf8::exception&) {
    throw TextError("it is UTF-16 with half a character in it; save it as UTF-8");
  }
  return text;
}

}  // namespace

std::optional<std::string> foreign_format(std::string_view bytes) {
  for (const Format& format : kFormats)
    if (bytes.starts_with(format.magic)) return std::string(format.what);
  if (is_safetensors(bytes)) return "a safetensors file of weights";
  return std::nullopt;
}

std::string to_utf8(std::string bytes) {
  if (const auto format = foreign_format(bytes)) throw TextError("it is " + *format);
  const std::string_view view = bytes;
  if (view.starts_with("\xff\xfe\0\0"sv) || view.starts_with("\0\0\xfe\xff"sv))
    throw TextError("it is UTF-32; save it as UTF-8");
  if (view.starts_with("\xff\xfe") || view.starts_with("\xfe\xff"))
    bytes = from_utf16(view.substr(2), view.starts_with("\xfe\xff"));
  else if (view.starts_with("\xef\xbb\xbf"))
    bytes.erase(0, 3);
  else if (looks_like_utf16(view))
    throw TextError("it looks like UTF-16 without a byte order mark; save it as UTF-8");
  const auto invalid = static_cast<size_t>(utf8::find_invalid(bytes.begin(), bytes.end()) - bytes.begin());
  const size_t zero = std::min(bytes.find('\0'), invalid);
  if (zero < invalid)
    throw TextError("it is not text: " + line_and_column(bytes, zero) +
                    " has a NUL byte (0x00); the file is damaged, " + "or not in UTF-8");
  if (invalid < bytes.size())
    throw TextError("it is not UTF-8: " + line_and_column(bytes, invalid) + " has the byte " +
                    printable(std::string_view(bytes).substr(invalid, 1)) + "; save it as UTF-8");
  return bytes;
}

}  // namespace trm
