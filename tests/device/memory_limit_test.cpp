#include "device/cpu/memory_limit.h"

#include <fstream>

#include "tests/temporary_folder.h"

namespace trm::cpu {
namespace {

namespace fs = std::filesystem;

class MemoryLimitTest : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    fs::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << text << "\n";
  }
  std::optional<MemoryLimit> limit(const std::string& groups) { return memory_limit(groups, folder_.path()); }
  testing::TemporaryFolder folder_;
};

TEST_F(MemoryLimitTest, TheLeastOfTheGroupAndThoseAbove) {
  write("a/b/memory.max", "max");
  write("a/b/memory.current", "50");
  EXPECT_FALSE(limit("0::/a/b\n"));
  write("a/memory.max", "1000");
  write("a/memory.current", "600");
  EXPECT_EQ(limit("0::/a/b\n")->most, 1000u);
  EXPECT_EQ(limit("0::/a/b\n")->used, 600u);
  write("a/b/memory.max", "800");
  EXPECT_EQ(limit("0::/a/b\n")->most, 800u);
  EXPECT_EQ(limit("0::/a/b\n")->used, 400u) << "400 are left, in the one above";
  EXPECT_FALSE(limit("0::/elsewhere\n"));
}

TEST_F(MemoryLimitTest, Version1) {
  write("memory/docker/x/memory.limit_in_bytes", "2000");
  write("memory/docker/x/memory.usage_in_bytes", "500");
  const std::string groups = "12:cpu,cpuacct:/other\n5:memory:/docker/x\n0::/\n";
  EXPECT_EQ(limit(groups)->most, 2000u);
  EXPECT_EQ(limit(groups)->used, 500u);
  write("memory/docker/x/memory.limit_in_bytes", "9223372036854771712");
  EXPECT_FALSE(limit(groups)) << "no limit";
}

TEST_F(MemoryLimitTest, WithinAContainerTheRootIsTheGroup) {
  write("memory.max", "3000");
  EXPECT_EQ(limit("0::/\n")->most, 3000u);
  EXPECT_EQ(limit("0::/gone/from/here\n")->most, 3000u);
  EXPECT_FALSE(limit(""));
}

}  // namespace
}  // namespace trm::cpu
