#include "text/json.h"

#include <nlohmann/json.hpp>

#include "text/error.h"

namespace trm {
namespace {

using namespace std::string_literals;

std::string refusal(const std::string& text) {
  try {
    parse_json(text);
  } catch (const TextError& error) {
    return error.what();
  }
  return "";
}

#define EXPECT_REFUSED(text, part) EXPECT_NE(refusal(text).find(part), std::string::npos) << refusal(text)

TEST(Json, WhatIsJsonIsRead) {
  EXPECT_EQ(parse_json("{\"a\": [1, 2.5, \"b\\u0000\"]}")["a"].size(), 3u);
  EXPECT_EQ(parse_json(std::string(200, '[') + std::string(200, ']')).size(), 1u);
  EXPECT_EQ(parse_json("\"" + std::string(1000, '[') + "\"").get<std::string>().size(), 1000u);
}

TEST(Json, WhatIsNotIsNamedWithItsPlace) {
  EXPECT_REFUSED("{\"a\": 1}\0{\"a\": 2}"s, "line 1, column 9: a NUL byte (0x00)");
  EXPECT_REFUSED("{\n\"a\" 1}", "malformed JSON at line 2, column 5");
  EXPECT_REFUSED("{\"a\":\n 1e999}", "line 2, column 2");
  EXPECT_REFUSED("[\"\\ud800\"]", "surrogate");
  EXPECT_REFUSED("[\"\xe9\"]", "UTF-8");
  EXPECT_REFUSED("", "line 1");
  EXPECT_REFUSED(std::string(100000, '['), "nested more than 200 levels");
  EXPECT_REFUSED(std::string(1000, '[') + std::string(1000, ']'), "line 1, column 201");
  EXPECT_LT(refusal("[\"" + std::string(1000000, 'x')).size(), 300u) << "long words are not quoted whole";
}

TEST(Json, PositionsAreThoseOfTheWhole) {
  const std::string whole = "{}\n{\"a\"}";
  try {
    parse_json(std::string_view(whole).substr(3), whole);
    FAIL();
  } catch (const TextError& error) {
    EXPECT_NE(std::string(error.what()).find("line 2, column 5"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace trm
