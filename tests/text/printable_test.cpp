#include "text/printable.h"

namespace trm {
namespace {

using namespace std::string_literals;

TEST(Printable, TextStaysAndTheRestIsEscaped) {
  EXPECT_EQ(printable("größer 😀"), "größer 😀");
  EXPECT_EQ(printable("a\tb\nc\r\0d"s), "a\\tb\\nc\\r\\0d");
  EXPECT_EQ(printable("\x1b[31mred\x7f"), "\\x1B[31mred\\x7F");
  EXPECT_EQ(printable("caf\xe9!"), "caf\\xE9!");
  EXPECT_EQ(printable("\xf0\x9f"), "\\xF0\\x9F");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\u009B31m")
      << "what terminals read like ESC [";
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "abc"),
            "\\u202Eabc")
      << "which turns the direction";
}

TEST(Printable, LongTextIsCutBetweenCharacters) {
  EXPECT_EQ(printable(std::string(100, 'a')), std::string(100, 'a'));
  EXPECT_EQ(printable(std::string(5000000, 'a')), std::string(100, 'a') + "… (5000000 bytes)");
  EXPECT_EQ(printable("aö" + std::string(200, 'b'), 2), "a… (203 bytes)");
}

TEST(Printable, MessagesKeepTheirLines) {
  EXPECT_EQ(printable_message("a\n  b\t\x1b\n"), "a\n  b\t\\x1B\n");
  EXPECT_EQ(printable_message(""), "");
  const std::string cut = printable_message("x" + std::string(1000000, 'a') + "y\nz", 100);
  EXPECT_LT(cut.size(), 200u);
  EXPECT_TRUE(cut.starts_with("xa") && cut.ends_with("ay\nz")) << cut;
}

TEST(Printable, LineAndColumn) {
  EXPECT_EQ(line_and_column("ab\ncd", 0), "line 1, column 1");
  EXPECT_EQ(line_and_column("ab\ncd", 4), "line 2, column 2");
  EXPECT_EQ(line_and_column("ab", 100), "line 1, column 3");
}

}  // namespace
}  // namespace trm
