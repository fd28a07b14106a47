#include "text/encoding.h"

#include "text/error.h"

namespace trm {
namespace {

using namespace std::string_literals;

std::string refusal(const std::string& bytes) {
  try {
    to_utf8(bytes);
  } catch (const TextError& error) {
    return error.what();
  }
  return "";
}

#define EXPECT_REFUSED(bytes, part) EXPECT_NE(refusal(bytes).find(part), std::string::npos) << refusal(bytes)

TEST(Encoding, Utf8StaysAndItsMarkGoes) {
  EXPECT_EQ(to_utf8(""), "");
  EXPECT_EQ(to_utf8("größer\n"), "größer\n");
  EXPECT_EQ(to_utf8("\xef\xbb\xbf{}"), "{}");
  EXPECT_EQ(to_utf8("GGML is no GGUF, PK is no zip"), "GGML is no GGUF, PK is no zip");
}

TEST(Encoding, Utf16WithAMarkIsConverted) {
  EXPECT_EQ(to_utf8("\xff\xfeg\0r\0\xf6\0\x3d\xd8\x00\xde"s), "grö😀");
  EXPECT_EQ(to_utf8("\xfe\xff\0g\0r\0\xf6"s), "grö");
  EXPECT_REFUSED("\xff\xfeg\0r"s, "ends within a character");
  EXPECT_REFUSED("\xff\xfe\x3d\xd8g\0"s, "half a character");
}

TEST(Encoding, OtherBytesAreNamedWithTheirPlace) {
  EXPECT_REFUSED("ab\ncaf\xe9 au lait", "line 2, column 4 has the byte \\xE9; save it as UTF-8");
  EXPECT_REFUSED("ab\n\xed\xa0\x80", "line 2, column 1");  // a surrogate
  EXPECT_REFUSED("ab\0c"s, "line 1, column 3 has a NUL byte (0x00)");
  EXPECT_REFUSED("h\0e\0l\0l\0o\0 \0"s, "UTF-16 without a byte order mark");
  EXPECT_REFUSED("\0h\0e\0l\0l\0o\0 "s, "UTF-16 without a byte order mark");
  EXPECT_REFUSED("\xff\xfe\0\0h\0\0\0"s, "UTF-32");
  EXPECT_REFUSED("\0\0\xfe\xff\0\0\0h"s, "UTF-32");
}

TEST(Encoding, FilesOfOtherKindsAreNamed) {
  EXPECT_REFUSED("\x1f\x8b\x08\0"s, "gzip; unpack it first");
  EXPECT_REFUSED("\x28\xb5\x2f\xfd\0"s, "zstd");
  EXPECT_REFUSED("BZh91AY", "bzip2");
  EXPECT_REFUSED("PK\x03\x04\x14", "zip");
  EXPECT_REFUSED("%PDF-1.7\n", "PDF");
  EXPECT_REFUSED("PAR1\x15\x04", "Parquet");
  EXPECT_REFUSED("GGUF\x03\0\0\0"s, "GGUF");
  EXPECT_REFUSED("\x40\0\0\0\0\0\0\0{\"weight\":{"s, "safetensors");
  EXPECT_REFUSED("\x89HDF\r\n\x1a\n", "HDF5");
}

}  // namespace
}  // namespace trm
