// tokenizer.json.
#include "fuzz/target.h"
#include "tokenizer/same_tokens.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace trm;
  try {
    const Tokenizer read = Tokenizer::from_json(fuzz::text_of(data, size), "input");
    const std::string written = read.to_json();
    const Tokenizer again = Tokenizer::from_json(written, "written");
    FUZZ_REQUIRE(same_tokens(again, read));
    FUZZ_REQUIRE(again.to_json() == written);
    const std::string text = "a b\nhello  world's 12 \xc3\xb6\xff";
    const auto ids = read.encode(text);
    FUZZ_REQUIRE(ids == again.encode(text));
    FUZZ_REQUIRE(read.decode(ids) == again.decode(ids));
  } catch (const TokenizerError& error) {
    FUZZ_REQUIRE(std::string_view(error.what()).size() < 2000);
  }
  return 0;
}
