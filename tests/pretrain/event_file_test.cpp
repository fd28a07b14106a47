// TensorBoard's event files, read back by a reader written for this test.
#include <cstring>

#include "tests/pretrain/run_program.h"

namespace trm {
namespace {

using namespace testing;

/// By division, the bits in the order of the RFC; not as the program does it.
uint32_t crc32c(const std::string& bytes) {
  const auto reversed = [](uint32_t value, int bits) {
    uint32_t out = 0;
    for (int i = 0; i < bits; ++i) out |= (value >> i & 1) << (bits - 1 - i);
    return out;
  };
  uint32_t rest = 0xFFFFFFFF;
  for (const unsigned char byte : bytes) {
    rest ^= reversed(byte, 8) << 24;
    for (int i = 0; i < 8; ++i) rest = rest & 0x80000000 ? rest << 1 ^ 0x1EDC6F41 : rest << 1;
  }
  return ~reversed(rest, 32);
}

template <class T>
T number(const std::string& text) {
  T value{};
  EXPECT_EQ(text.size(), sizeof value);
  std::memcpy(&value, text.data(), std::min(text.size(), sizeof value));
  return value;
}

/// The data of each record; a wrong checksum fails the test.
std::vector<std::string> records(const std::string& file) {
  std::vector<std::string> out;
  const auto masked = [](uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; };
  for (size_t at = 0; at < file.size();) {
    const std::string length = file.substr(at, 8);
    EXPECT_EQ(number<uint32_t>(file.substr(at + 8, 4)), masked(crc32c(length)));
    out.push_back(file.substr(at + 12, number<uint64_t>(length)));
    EXPECT_EQ(number<uint32_t>(file.substr(at + 12 + out.back().size(), 4)), masked(crc32c(out.back())));
    at += 16 + out.back().size();
  }
  return out;
}

/// A protobuf message's fields: number and value, bytes of numbers as they are, varints in eight bytes.
std::vector<std::pair<uint64_t, std::string>> fields(const std::string& message) {
  std::vector<std::pair<uint64_t, std::string>> out;
  size_t at = 0;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(message.at(at++));
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.size()) {
    const uint64_t key = varint();
    std::string value;
    if ((key & 7) == 0) {
      const uint64_t read = varint();
      value.assign(reinterpret_cast<const char*>(&read), sizeof read);
    } else {
      const size_t size = (key & 7) == 1 ? 8 : (key & 7) == 5 ? 4 : varint();
      value = message.substr(at, size);
      EXPECT_EQ(value.size(), size);
      at += size;
    }
    out.emplace_back(key >> 3, value);
  }
  return out;
}

std::string field(const std::string& message, uint64_t number) {
  for (const auto& [found, value] : fields(message))
    if (found == number) return value;
  return "";
}

class EventFiles : public PretrainTest {
 protected:
  /// Each file's records, by name and so by time.
  std::vector<std::vector<std::string>> event_files() {
    std::map<std::string, std::vector<std::string>> files;
    for (const auto& entry : fs::directory_iterator(folder_ / "run"))
      if (entry.path().filename().string().starts_with("events.out.tfevents."))
        files[entry.path().filename().string()] = records(read_file(entry.path()));
    std::vector<std::vector<std::string>> out;
    for (auto& [name, file] : files) out.push_back(std::move(file));
    return out;
  }
};

TEST(Crc32c, TheStandardsCheckValue) { EXPECT_EQ(crc32c("123456789"), 0xE3069283u); }

TEST_F(EventFiles, HoldWhatMetricsHold) {
  make_chat(8);
  tiny_data(4).write(folder_ / "chat", "test");
  ASSERT_EQ(run(chat() + Arguments{"max_steps=4", "epochs=4", "eval_interval=1", "tensorboard=True"}).status, 0);
  const auto files = event_files();
  ASSERT_EQ(files.size(), 1u);
  const auto lines = metrics();
  ASSERT_EQ(files[0].size(), lines.size() + 2);
  EXPECT_EQ(field(files[0][0], 3), "brain.Event:2");
  EXPECT_EQ(number<int64_t>(field(files[0][1], 2)), 0) << "nothing of an older run stays";
  EXPECT_EQ(number<uint64_t>(field(field(files[0][1], 7), 1)), 1u) << "SessionLog.START";
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string& event = files[0][i + 2];
    EXPECT_GT(number<double>(field(event, 1)), 1.7e9) << "seconds since 1970";
    EXPECT_EQ(number<int64_t>(field(event, 2)), lines[i]["step"]);
    const auto values = fields(field(event, 5));
    EXPECT_EQ(values.size(), lines[i].size() - 1);
    for (const auto& [one, value] : values) {
      const auto& expected = lines[i].at(field(value, 1));
      if (!expected.is_null()) {
        EXPECT_EQ(number<float>(field(value, 2)), expected.get<float>()) << field(value, 1);
      }
    }
  }
}

TEST_F(EventFiles, AResumedRunSaysFromWhereItsStepsCount) {
  make_chat();
  ASSERT_EQ(run(chat() + Arguments{"max_steps=5", "checkpoint_interval=3", "tensorboard=True"}).status, 0);
  fs::remove(folder_ / "run/step_5.h5");
  for (const auto& entry : fs::directory_iterator(folder_ / "run"))
    if (entry.path().filename().string().starts_with("events"))
      fs::rename(entry.path(), folder_ / "run/events.out.tfevents.1");
  ASSERT_EQ(run(chat() + Arguments{"max_steps=5", "resume=auto", "tensorboard=True"}).status, 0);
  const auto files = event_files();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(number<int64_t>(field(files[1][1], 2)), 4);
  EXPECT_EQ(number<uint64_t>(field(field(files[1][1], 7), 1)), 1u) << "SessionLog.START";
  EXPECT_EQ(number<int64_t>(field(files[1][2], 2)), 4);
}

TEST_F(EventFiles, AreNotMadeUnasked) {
  make_chat();
  ASSERT_EQ(run(chat() + Arguments{"max_steps=1"}).status, 0);
  EXPECT_TRUE(event_files().empty());
}

}  // namespace
}  // namespace trm
