#include "checkpoint/pickle.h"
#include "tests/checkpoint/folder.h"
#include "tests/checkpoint/state_dict.h"

using namespace trm::checkpoint;
using namespace trm::testing;
using namespace std::string_literals;
using Kind = pickle::Value::Kind;

namespace {

std::string parse_error(const std::string& bytes) {
  return error_of([&] { pickle::parse(bytes); });
}

}  // namespace

TEST(Pickle, ReadsPlainValues) {
  const auto document = pickle::parse(
      "\x80\x04(NK\xff"
      "M\x01\x02J\xff\xff\xff\xff\x8a\x02\x00\xff\x88G\x3f\xf8\0\0\0\0\0\0"
      "\x8c\x02hit."s);
  const auto& items = document.root->items;
  ASSERT_EQ(items.size(), 8u);
  EXPECT_EQ(items[0]->kind, Kind::none);
  EXPECT_EQ(items[1]->integer, 255);
  EXPECT_EQ(items[2]->integer, 513);
  EXPECT_EQ(items[3]->integer, -1);
  EXPECT_EQ(items[4]->integer, -256);
  EXPECT_EQ(items[5]->kind, Kind::boolean);
  EXPECT_EQ(items[6]->real, 1.5);
  EXPECT_EQ(items[7]->text, "hi");
}

TEST(Pickle, ReadsTensorsOfNewerProtocols) {
  // memoize, stack_global, tuple3, frame
  const auto document = pickle::parse(
      "\x80\x05\x95\0\0\0\0\0\0\0\0}\x94\x8c\x0b"
      "collections\x94\x8c\x0bOrderedDict\x94\x93"
      "\x94)R0K\x01K\x02K\x03\x87\x94h\x01"
      "0h\x04"
      "0."s);
  EXPECT_EQ(document.root->kind, Kind::tuple);
  EXPECT_EQ(document.root->items[2]->integer, 3);
}

TEST(Pickle, RefusesToRunAnything) {
  for (const std::string& name :
       {"os\nsystem"s, "builtins\neval"s, "torch\nload"s, "torch._utils\n_rebuild_tensor_v3"s}) {
    const auto message = parse_error(
        "\x80\x02"
        "c" +
        name + "\n" + text("echo") + "\x85R.");
    EXPECT_SAYS(message, name.substr(name.find('\n') + 1));
    EXPECT_SAYS(message, "does not hold");
  }
  EXPECT_SAYS(parse_error("\x80\x02"
                          "ctorch\nFloatStorage\n)R."),
              "torch.FloatStorage is called");
  EXPECT_SAYS(parse_error("\x80\x02(ios\nsystem\n."), "opcode 105");
}

TEST(Pickle, RefusesMalformedOnes) {
  for (const std::string& bytes : {""s,
                                   "\x80"s,
                                   "\x80\x09."s,
                                   "."s,
                                   "t."s,
                                   "u."s,
                                   "(u."s,
                                   "R."s,
                                   "h\x05."s,
                                   "Q."s,
                                   "q\x01."s,
                                   "X\xff\xff\xff\xff"
                                   "a."s,
                                   "\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
                                   "a."s,
                                   "ctorch"s,
                                   "(."s,
                                   "}(Nu."s,
                                   "}Nb"s,
                                   "\x8a\x09"
                                   "123456789."s,
                                   "NQ."s,
                                   "N)R."s})
    EXPECT_SAYS(parse_error(bytes), "data.pkl, byte");
}

// Eight megabytes of one-byte opcodes would be gigabytes of values, texts or tuples.
TEST(Pickle, NeverTakesMuchMoreMemoryThanAStateDictOfItsSize) {
  const std::string name(200, 'x');
  for (const std::string& repeated : {"N"s, ")"s, "N\x94"s, "N\x85"s, "K\x01"s}) {
    std::string bytes = "\x80\x02" + text(name) + "q\x01";
    while (bytes.size() < (8u << 20)) bytes += repeated;
    const auto message = parse_error(bytes + ".");
    EXPECT_SAYS(message, "more values than a state dict of its size") << repeated;
  }
  // A long shape that many tensors share.
  std::string shape = "(";
  for (int i = 0; i < 1000; ++i) shape += "K\x01";
  EXPECT_SAYS(parse_error("\x80\x02" + shape + "tq\x01" + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
                          "ctorch\nFloatStorage\n" + text("0") + text("cpu") + "K\x01tQK\x00h\x01h\x01\x89NtR."s),
              "too many axes");
}

TEST(Pickle, AnyChangedByteIsReadOrRefused) {
  const std::string whole = state_dict({{"weight", tensor({})}, {"bias", tensor({})}});
  for (size_t at = 0; at < whole.size(); ++at)
    for (int value = 0; value < 256; ++value) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      const auto message = parse_error(changed);
      EXPECT_TRUE(message.empty() || message.starts_with("data.pkl, byte ")) << message;
    }
}
