#include "settings/yaml_reader.h"

#include "tests/settings/configs.h"

namespace trm::testing {
namespace {

TEST(YamlReader, AnchorsMergeKeysAndDottedKeys) {
  const Node tree = parse_yaml("base: &b {x: 1, y: 2}\narch:\n  <<: *b\n  y: 3\narch.z: 4\n", "f");
  EXPECT_EQ(tree.find("arch.x")->text, "1");
  EXPECT_EQ(tree.find("arch.y")->text, "3");
  EXPECT_EQ(tree.find("arch.z")->text, "4");
  EXPECT_EQ(tree.find("arch.y")->origin, "f:4");
  EXPECT_EQ(tree.find("arch.none"), nullptr);
}

TEST(YamlReader, HostileDocumentsAreRefused) {
  expect_all(message_of([] { parse_yaml("a: &a [*a]\n", "f"); }), {"f"});
  expect_all(message_of([] { parse_yaml("<<: &a [*a]\n", "f"); }), {"nested too deep"});
  expect_all(message_of([] { parse_yaml("b: {<<: &a [[*a], *a]}\n", "f"); }), {"nested too deep"});
  std::string deep = "a: ";
  deep.append(100000, '[');
  expect_all(message_of([&] { parse_yaml(deep, "f"); }), {"f"});
  std::string tower = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  std::string below = "*a0";
  for (int i = 1; i < 12; ++i) {
    const std::string number = std::to_string(i);
    tower.append("a").append(number).append(": &a").append(number).append(" [");
    tower.append(below).append(", ").append(below).append(", ").append(below).append(", ").append(below).append("]\n");
    below = std::string("*a").append(number);
  }
  expect_all(message_of([&] { parse_yaml(tower, "f"); }), {"nested too deep"});
  expect_all(message_of([] { parse_yaml("[a]: b\n", "f"); }), {"f:1", "a key must be a word"});
  expect_all(message_of([] { parse_yaml(std::string("a: \x01\x02\xff\n\0b", 10), "f"); }), {"f"});
}

TEST(YamlReader, NothingBehindTheDocumentIsDropped) {
  expect_all(message_of([] { parse_yaml("a: 1\n---\nb: 2\n", "f"); }), {"f:2", "one YAML document"});
  expect_all(message_of([] { parse_yaml("a: 1\n...\nb: 2\n", "f"); }), {"f:3", "one YAML document"});
  expect_all(message_of([] { parse_yaml("{a: 1} b: 2\n", "f"); }), {"f"});
  expect_all(message_of([] { parse_yaml("a: 1\n\x04\nb: 2\n", "f"); }), {"line 2", "\\x04"});
  expect_all(message_of([] { parse_yaml(std::string("a: 1\n\0b: 2\n", 11), "f"); }), {"f", "NUL"});
  for (const char* whole : {"a: 1", "---\na: 1\n...\n", "a: 1\n---\n", "a: 1 # x\n# y\n\n", "%YAML 1.2\n---\na: 1\n"})
    EXPECT_EQ(parse_yaml(whole, "f").find("a")->text, "1") << whole;
}

TEST(YamlReader, NothingBehindAValueIsDropped) {
  for (const char* two : {"[a],[b]", "[a] [b]", "[a][b]", "[a], b"})
    expect_all(message_of([&] { parse_value(two, "data_paths"); }),
               {std::string("data_paths: got '") + two, "follows the list; write data_paths=[a,b]"});
  expect_all(message_of([] { parse_value("[\"a\"],b", "k"); }), {"k", "',b' follows the list"});
  expect_all(message_of([] { parse_value("{a: 1} {b: 2}", "k"); }), {"'{b: 2}' follows the map"});
  expect_all(message_of([] { parse_value("'a' 'b'", "k"); }), {"'b'"});
  EXPECT_EQ(parse_value("[a, b] # two", "k").items.size(), 2u);
  EXPECT_EQ(parse_value(" 'a, b' ", "k").text, "a, b");
}

}  // namespace
}  // namespace trm::testing
