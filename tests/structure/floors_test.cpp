// Who may include whom: ARCHITECTURE.md's table of the tree is the data, the sources are held against it.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/shared.h"
#include "tests/structure/rooms.h"
#include "tests/temporary_folder.h"

namespace trm::testing {
namespace {

std::string architecture() {
  std::ostringstream text;
  text << std::ifstream(source_dir() / "ARCHITECTURE.md").rdbuf();
  return text.str();
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(Floors, NoFileIncludesWhatItsFolderMustNotSee) {
  const std::vector<Include> includes = read_includes(source_dir());
  ASSERT_GT(includes.size(), 1000u);
  EXPECT_EQ(joined(wrong_includes(includes, read_rooms(architecture()))), "");
}

TEST(Floors, TheTableNamesFoldersThatExistAndHasNoCircle) {
  const Rooms rooms = read_rooms(architecture());
  ASSERT_GT(rooms.size(), 15u);
  for (const auto& [folder, room] : rooms) {
    EXPECT_TRUE(std::filesystem::is_directory(source_dir() / folder)) << folder << " is listed but is no folder";
    for (const std::string& seen : room.sees) {
      ASSERT_TRUE(rooms.count(seen)) << folder << " sees " << seen << ", which the table does not list";
      const auto top = [](const std::string& name) { return name.substr(0, name.find('/')); };
      for (const std::string& back : rooms.at(seen).sees)
        EXPECT_TRUE(back != folder || top(folder) == top(seen)) << folder << " and " << seen << " see each other";
    }
  }
}

const char* const small_table =
    "| folder | what it holds | sees |\n|---|---|---|\n| `low/` | | nothing of ours |\n| `low/inner/` | | `low` |\n"
    "| `high/`, `other/` | | `low` |\n| `tests/` | | everything |\n\nprose\n";

TEST(Floors, AWrongIncludeIsFound) {
  const Rooms rooms = read_rooms(small_table);
  const auto found = [&](const std::string& file, const std::string& header, bool quoted = true) {
    return joined(wrong_includes({{file, 7, header, quoted}}, rooms));
  };
  EXPECT_EQ(found("high/a.cpp", "low/b.h"), "");
  EXPECT_EQ(found("high/a.cpp", "high/deep/b.h"), "");
  EXPECT_EQ(found("tests/high/a.cpp", "high/a.h"), "");
  EXPECT_EQ(found("low/a.cpp", "high/b.h"),
            "low/a.cpp:7: \"high/b.h\" must not be seen there: by ARCHITECTURE.md's table low/ does not see high/\n");
  EXPECT_NE(found("high/a.cpp", "other/b.h"), "") << "two of one row do not see each other";
  EXPECT_NE(found("high/a.cpp", "low/inner/b.h"), "") << "seeing a folder is not seeing what is inside it";
  EXPECT_NE(found("low/a.cpp", "tests/b.h"), "");
  EXPECT_NE(found("high/a.cpp", "b.h"), "") << "not from the root";
  EXPECT_NE(found("high/a.cpp", "unknown/b.h"), "");
  EXPECT_NE(found("unknown/a.cpp", "vector", false), "");
  EXPECT_EQ(found("high/a.cpp", "vector", false), "");
  EXPECT_NE(found("high/a.cpp", "hdf5.h", false), "");
  EXPECT_NE(found("high/a.cpp", "cuda_runtime.h", false), "");
  EXPECT_EQ(found("high/a.cpp", "nlohmann/json.hpp", false), "");
  EXPECT_NE(found("high/a.h", "nlohmann/json.hpp", false), "");
}

TEST(Floors, IncludesAreReadFromSources) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "low/inner");
  std::ofstream(folder / "low/CMakeLists.txt") << "";
  std::ofstream(folder / "low/inner/a.cu")
      << "// #include \"not/this.h\"\n#include \"high/b.h\"  // why\n#  include <vector>\n";
  std::ofstream(folder / "low/notes.txt") << "#include \"not/this.h\"\n";
  const std::vector<Include> includes = read_includes(folder.path());
  ASSERT_EQ(includes.size(), 2u);
  EXPECT_EQ(includes[0].file, "low/inner/a.cu");
  EXPECT_EQ(includes[0].line, 2);
  EXPECT_EQ(includes[0].header, "high/b.h");
  EXPECT_TRUE(includes[0].quoted);
  EXPECT_EQ(includes[1].header, "vector");
  EXPECT_FALSE(includes[1].quoted);
}

TEST(Floors, ATableThatCannotBeReadIsAnError) {
  EXPECT_THROW(read_rooms("no table here\n"), std::runtime_error);
  EXPECT_THROW(read_rooms("| folder | what it holds | sees |\n|---|---|---|\n| `low/` | two cells |\n"),
               std::runtime_error);
}

TEST(Floors, TestsMirrorTheSources) {
  int mirrored = 0;
  for (const auto& folder : std::filesystem::directory_iterator(source_dir())) {
    const std::string name = folder.path().filename().string();
    const auto has = [&](const char* file) { return std::filesystem::exists(folder.path() / file); };
    if (!has("CMakeLists.txt") || has("CMakeCache.txt") || name == "tests") continue;
    EXPECT_TRUE(std::filesystem::exists(source_dir() / "tests" / name / "CMakeLists.txt"))
        << name << "/ has no tests/" << name;
    ++mirrored;
  }
  EXPECT_GT(mirrored, 10);
}

// Adding a device touches the places that ARCHITECTURE.md names, because nothing else asks which kind a device is. (The
// cpu is the host: tensors and ops may.)
TEST(Floors, OnlyTheNamedPlacesKnowTheKindsOfDevices) {
  int asked = 0;
  for (const char* top : {"autograd", "benchmarks", "build_dataset", "checkpoint", "data", "device", "generate",
                          "model", "optimizer", "pretrain", "runtime", "settings"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(source_dir() / top)) {
      const std::string file = std::filesystem::relative(entry.path(), source_dir()).generic_string(),
                        extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cpp") continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      for (const std::string kind : {"cuda", "accelerator"})
        if (text.str().find("DeviceKind::" + kind) != std::string::npos) {
          const bool own = file.starts_with("device/" + kind + "/") || file.starts_with("benchmarks/" + kind + "_");
          const bool process_a_gpu = file == "pretrain/processes.cpp";  // NCCL's
          EXPECT_TRUE(own || process_a_gpu || file == "device/device.h" || file == "device/device.cpp")
              << file << " asks for DeviceKind::" << kind << ": make it a trait of the device";
          ++asked;
        }
    }
  EXPECT_GT(asked, 10) << "the search finds what is there";
}

}  // namespace
}  // namespace trm::testing
