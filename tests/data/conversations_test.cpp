#include "data/conversations.h"

#include <gtest/gtest.h>

#include "tests/data/folders.h"

namespace trm {
namespace {

class ConversationFile : public ::testing::Test {
 protected:
  Conversations read(const std::string& text, const std::string& format = "", const std::string& name = "c.json") {
    testing::write_file(folder_ / name, text);
    std::optional<ChatFormat> given;
    if (!format.empty()) given = parse_chat_format(format);
    return read_conversations({folder_ / name}, given);
  }
  testing::TemporaryFolder folder_;
};

std::string shown(const Conversation& conversation) {
  std::string text = conversation.id + ":";
  for (const Turn& turn : conversation.turns) {
    text += (turn.role == Role::kUser ? " U " : turn.role == Role::kAssistant ? " A " : " S ") + turn.text;
  }
  return text;
}

TEST_F(ConversationFile, ShareGpt) {
  const auto result = read(R"([{"id": "x", "conversations": [{"from": "system", "value": "be"},
      {"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]},
      {"conversations": [{"from": "user", "value": "a"}, {"from": "assistant", "value": ""}]}, {"id": 7, "conversations": []}])",
                           "sharegpt");
  ASSERT_EQ(result.list.size(), 2u);
  EXPECT_EQ(shown(result.list[0]), "x: S be U hi A ho");
  EXPECT_EQ(shown(result.list[1]), "conv_1: U a A ");
  EXPECT_EQ(result.without_turns, 1u);
}

TEST_F(ConversationFile, Alpaca) {
  const auto result = read(R"([{"instruction": "Add.", "input": "1, 2", "output": "3"},
      {"instruction": "Hi", "input": "", "output": "Ho"}, {"instruction": "Hi", "output": "Ho"}])");
  EXPECT_EQ(result.format, ChatFormat::kAlpaca);
  EXPECT_EQ(shown(result.list[0]), "alpaca_0: U Add.\n\n1, 2 A 3");
  EXPECT_EQ(shown(result.list[1]), "alpaca_1: U Hi A Ho");
  EXPECT_EQ(shown(result.list[2]), "alpaca_2: U Hi A Ho");
}

TEST_F(ConversationFile, OpenAssistantAndMessages) {
  const std::string record =
      R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]})";
  EXPECT_EQ(shown(read("[" + record + "]", "openassistant").list[0]), "oa_0: U hi A ho");
  EXPECT_EQ(shown(read(record, "openassistant").list[0]), "oa_0: U hi A ho");
  EXPECT_EQ(shown(read("[" + record + "]", "messages").list[0]), "messages_0: U hi A ho");
  EXPECT_EQ(read(record + "\n" + record + "\n", "messages").list.size(), 2u);
  EXPECT_EQ(read("\n" + record + "\r\n\n" + record, "messages", "c.jsonl").list.size(), 2u);
  EXPECT_EQ(read("\xef\xbb\xbf" + record, "messages", "c.jsonl").list.size(), 1u);
  const auto parts = read(
      R"([{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]}])");
  EXPECT_EQ(parts.list[0].turns[0].text, "ab");
}

TEST_F(ConversationFile, SeveralFilesFollowOneAnother) {
  testing::write_file(folder_ / "1.json", R"([{"instruction": "a", "output": "b"}])");
  testing::write_file(folder_ / "2.jsonl", R"({"instruction": "c", "output": "d"})");
  const auto result = read_conversations({folder_ / "1.json", folder_ / "2.jsonl"}, ChatFormat::kAlpaca);
  EXPECT_EQ(shown(result.list[1]), "alpaca_1: U c A d");
}

TEST_F(ConversationFile, MalformedJsonIsNamedWithItsLine) {
  EXPECT_ERROR_WITH(read("[{\"instruction\": \"a\",\n\"output\": \"b\"},\n{\"instruction\" \"c\"}]", "alpaca"),
                    "c.json", "malformed JSON at line 3, column 18");
  EXPECT_ERROR_WITH(read("[{\"instruction\": \"a\"", "alpaca"), "c.json", "line 1");
  EXPECT_ERROR_WITH(read("{\"messages\": []}\n{\"messages\": [}\n", "messages", "c.jsonl"), "c.jsonl", "line 2");
  EXPECT_ERROR_WITH(read("{\"messages\": []}\n\n{\"messages\"\n", "messages"), "line 3");
  EXPECT_ERROR_WITH(read("[\"\xff\xfe\"]", "messages"), "line 1", "UTF-8");
}

TEST_F(ConversationFile, EmptyInputIsNamed) {
  EXPECT_ERROR_WITH(read("", "alpaca"), "c.json", "is empty");
  EXPECT_ERROR_WITH(read(" \n\n", "messages", "c.jsonl"), "c.jsonl", "is empty");
  EXPECT_ERROR_WITH(read("[]", "alpaca"), "c.json", "holds no conversation");
  EXPECT_ERROR_WITH(read(R"([{"conversations": []}])"), "holds no conversation");
  EXPECT_ERROR_WITH(read_conversations({folder_ / "none.json"}, std::nullopt), "none.json", "No such file");
  EXPECT_ERROR_WITH(read_conversations({folder_.path()}, std::nullopt), "is a folder");
}

TEST_F(ConversationFile, AnotherFormatIsNamed) {
  const std::string alpaca = R"([{"instruction": "a", "output": "b"}])";
  EXPECT_ERROR_WITH(read(alpaca, "sharegpt"), "record 0", "not of format sharegpt", "--format alpaca");
  EXPECT_ERROR_WITH(read(R"([{"messages": []}])", "alpaca"), "--format messages");
  EXPECT_ERROR_WITH(read(R"([{"conversations": []}])", "messages"), "--format sharegpt");
  EXPECT_ERROR_WITH(read(R"([{"text": "x"}])", "messages"), "neither", "conversations", "instruction");
  EXPECT_ERROR_WITH(read(R"(["x"])", "messages"), "a record is an object, this is string");
  EXPECT_ERROR_WITH(parse_chat_format("vicuna"), "'vicuna'", "sharegpt", "alpaca", "openassistant", "messages");
}

TEST_F(ConversationFile, TheContentDecidesNotTheName) {
  const std::string a = R"({"instruction": "a", "output": "b"})", list = "[" + a + ",\n" + a + "]";
  for (const std::string& text : {list, "[" + a + "," + a + "]", a + "\n" + a + "\n", "[" + a + "]\n[" + a + "]\n"})
    for (const char* name : {"c.json", "c.jsonl", "c.ndjson", "c.txt"})
      EXPECT_EQ(read(text, "", name).list.size(), 2u) << name << text;
  EXPECT_EQ(read("{\n\"instruction\": \"a\",\n\"output\": \"b\"}\n", "", "c.jsonl").list.size(), 1u);
  EXPECT_ERROR_WITH(read(a + "\n{\n", "", "c.jsonl"), "line 2");
  EXPECT_ERROR_WITH(read("{\n" + a + "\n", "", "c.jsonl"), "line 1");
}

TEST_F(ConversationFile, NothingIsLostBehindANul) {
  const std::string a = R"({"instruction": "a", "output": "b"})";
  EXPECT_ERROR_WITH(read(a + "\n" + a + std::string(1, '\0') + a + "\n", "", "c.jsonl"), "c.jsonl", "line 2", "0x00");
  EXPECT_ERROR_WITH(read("[" + a + "]" + std::string(1, '\0') + "[" + a + "]"), "c.json", "0x00");
  EXPECT_ERROR_WITH(read(std::string(4096, '\0')), "line 1, column 1", "0x00");
}

TEST_F(ConversationFile, FieldsWithMeaningAreReadOrNamed) {
  const auto weights = read(R"({"messages": [{"role": "user", "content": "q", "name": "x"},
      {"role": "assistant", "content": "bad", "weight": 0}, {"role": "assistant", "content": "good", "weight": 1,
       "tool_calls": [1]}], "tools": [{}], "topic": "", "tags": []})");
  EXPECT_FALSE(weights.list[0].turns[1].learned);
  EXPECT_TRUE(weights.list[0].turns[2].learned);
  EXPECT_EQ(weights.unread,
            (std::map<std::string, uint64_t>{{"messages[].name", 1}, {"messages[].tool_calls", 1}, {"tools", 1}}));
  EXPECT_ERROR_WITH(read(R"({"messages": [{"role": "assistant", "content": "a", "weight": 0.5}]})"), "turn 0", "0.5",
                    "0 (not learned) or 1");
  EXPECT_EQ(shown(read(R"([{"system": "s", "conversations": [{"from": "human", "value": "q"}]}])").list[0]),
            "conv_0: S s U q");
  EXPECT_EQ(shown(read(R"([{"system": "s", "instruction": "q", "output": "a", "history": [["p", "o"]]}])").list[0]),
            "alpaca_0: S s U p A o U q A a");
  EXPECT_ERROR_WITH(read(R"([{"instruction": "q", "output": "a", "history": ["p"]}])"), "history",
                    "[question, answer]");
  EXPECT_EQ(shown(read(R"([{"conversations": [{"role": "user", "content": "q"}]}])").list[0]), "conv_0: U q");
  EXPECT_ERROR_WITH(read(R"([{"messages": [{"role": "assistant", "content": null, "tool_calls": [1]}]}])"),
                    "'tool_calls', which is not supported");
}

TEST_F(ConversationFile, BadRecordsAreSkippedWhereThatIsAsked) {
  testing::write_file(folder_ / "c.jsonl",
                      "{\"instruction\": \"a\", \"output\": \"b\"}\n{broken\n{\"instruction\": \"c\"}\n");
  const auto result = read_conversations({folder_ / "c.jsonl"}, std::nullopt, true);
  EXPECT_EQ(result.list.size(), 1u);
  EXPECT_EQ(result.bad_records, 2u);
  EXPECT_NE(result.first_bad.find("line 2"), std::string::npos) << result.first_bad;
  testing::write_file(folder_ / "c.jsonl", "{broken\n{broken\n");
  EXPECT_ERROR_WITH(read_conversations({folder_ / "c.jsonl"}, std::nullopt, true), "none of 2 records", "line 1");
}

TEST_F(ConversationFile, MessagesQuoteShortlyAndPrintably) {
  const auto message = testing::error_of(
      [&] { read(R"([{"messages": [{"role": "\u001b[31m)" + std::string(1000000, 'r') + R"(", "content": "x"}]}])"); });
  EXPECT_NE(message.find("\\x1B[31m"), std::string::npos) << message;
  EXPECT_LT(message.size(), 1000u);
  EXPECT_ERROR_WITH(read("[{\"instruction\": \"caf\xe9\", \"output\": \"b\"}]"), "c.json", "\\xE9", "save it as UTF-8");
}

TEST_F(ConversationFile, TurnDefectsNameTheConversation) {
  const auto turn = [&](const std::string& object) {
    return R"([{"id": "first", "conversations": [{"from": "human", "value": "ok"}]},
               {"id": "odd", "conversations": [{"from": "human", "value": "ok"}, )" +
           object + "]}]";
  };
  EXPECT_ERROR_WITH(read(turn(R"({"from": "gpt"})")), "c.json", "record 1", "'odd'", "turn 1 has no 'value'");
  EXPECT_ERROR_WITH(read(turn(R"({"from": "gpt", "value": null})")), "'odd'", "turn 1 has no 'value'");
  EXPECT_ERROR_WITH(read(turn(R"({"from": "gpt", "value": 5})")), "'odd'", "turn 1", "number, not text");
  EXPECT_ERROR_WITH(read(turn(R"({"value": "x"})")), "'odd'", "turn 1 has no 'from'");
  EXPECT_ERROR_WITH(read(turn(R"("x")")), "'odd'", "turn 1 is string");
  EXPECT_ERROR_WITH(read(turn(R"({"from": "robot", "value": "x"})")), "'odd'", "turn 1", "unknown role 'robot'",
                    "system");
  EXPECT_ERROR_WITH(read(R"([{"id": "odd", "conversations": "x"}])"), "'odd'", "not a list");
  EXPECT_ERROR_WITH(read("{\"messages\": [{\"role\": \"tool\", \"content\": \"x\"}]}", "messages", "c.jsonl"), "line 1",
                    "unknown role 'tool'");
  EXPECT_ERROR_WITH(read(R"([{"instruction": "a"}])", "alpaca"), "'alpaca_0'", "no 'output'");
  EXPECT_ERROR_WITH(read(R"([{"instruction": "a", "output": "b", "input": 3}])", "alpaca"), "'input'", "not text");
  EXPECT_ERROR_WITH(read(R"([{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}])"), "not text");
}

}  // namespace
}  // namespace trm
