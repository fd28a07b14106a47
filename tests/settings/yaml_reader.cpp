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

}  // namespace
}  // namespace trm::testing
