// What every reader of text begins with, and what messages make of what they quote.
#include "fuzz/target.h"
#include "text/encoding.h"
#include "text/error.h"
#include "text/printable.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace trm;
  const std::string_view bytes = fuzz::text_of(data, size);
  const std::string shown = printable(bytes), message = printable_message(bytes, 100);
  FUZZ_REQUIRE(shown.size() < 1000);
  FUZZ_REQUIRE(printable_message(message, 2000).size() >= message.size());
  for (const unsigned char c : shown) FUZZ_REQUIRE(c >= 0x20 && c != 0x7f);
  for (const unsigned char c : message) FUZZ_REQUIRE((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t');
  FUZZ_REQUIRE(printable(shown, 2000) == shown);  // it is UTF-8 without anything to escape
  try {
    const std::string text = to_utf8(std::string(bytes));
    FUZZ_REQUIRE(text.find('\0') == std::string::npos);
    FUZZ_REQUIRE(printable(text, text.size()).find("\\xE9") == std::string::npos ||
                 text.find("\\xE9") != std::string::npos);
  } catch (const TextError&) {
  }
  return 0;
}
