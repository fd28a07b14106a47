#include "tests/structure/rooms.h"

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

namespace trm::testing {
namespace {

/// Libraries that are a folder's own affair: their headers are seen nowhere else (in tests of that folder at most).
struct Library {
  const char* header;  // what it begins with
  std::vector<std::string> rooms;
};
const std::vector<Library> libraries{
    {"cuda", {"device/cuda", "distributed/nccl"}},
    {"nccl", {"distributed/nccl"}},
    {"mpi.h", {"distributed/mpi"}},
    {"cublas", {"device/cuda"}},
    {"CL/", {"device/accelerator"}},
    {"OpenCL/", {"device/accelerator"}},
    {"clblast", {"device/accelerator"}},
    {"dnnl", {"device/cpu"}},
    {"oneapi/", {"device/cpu"}},
    {"immintrin.h", {"device/cpu"}},
    {"Eigen/", {"device/cpu", "checkpoint", "tests"}},
    {"hdf5", {"checkpoint", "tests"}},
    {"H5", {"checkpoint"}},
    {"zip.h", {"checkpoint", "tests"}},
    {"spdlog/", {"logging"}},
    {"yaml-cpp/", {"settings"}},
    {"pcre2", {"tokenizer"}},
};

/// Headers that are slow to compile: in sources only, and in the tests'.
const std::vector<std::string> heavy{"nlohmann/json.hpp", "yaml-cpp/", "spdlog/", "Eigen/", "dnnl", "regex"};

bool begins(const std::string& text, const std::string& with) { return text.compare(0, with.size(), with) == 0; }

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
  return parts;
}

/// Without blanks, backticks, a last slash and a remark in parentheses.
std::string bare(std::string text) {
  text = text.substr(0, text.find('('));
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == ' ' || c == '`'; }), text.end());
  if (!text.empty() && text.back() == '/') text.pop_back();
  return text;
}

bool is_source(const std::filesystem::path& file) {
  const std::string extension = file.extension().string();
  return extension == ".h" || extension == ".cpp" || extension == ".cu" || extension == ".cuh";
}

bool is_header(const std::string& file) { return file.ends_with(".h") || file.ends_with(".cuh"); }

}  // namespace

Rooms read_rooms(const std::string& architecture) {
  Rooms rooms;
  std::istringstream text(architecture);
  bool inside = false;
  for (std::string line; std::getline(text, line);) {
    if (begins(line, "| folder | what it holds | sees |"))
      inside = true;
    else if (inside && !begins(line, "|"))
      break;
    if (!inside || !begins(line, "| `")) continue;
    const std::vector<std::string> cells = split(line, '|');
    if (cells.size() != 4) throw std::runtime_error("a row of the table of the tree has not three cells: " + line);
    Room room;
    const std::string sees = cells[3];
    room.everything = sees.find("everything") != std::string::npos;
    if (!room.everything && sees.find("nothing of ours") == std::string::npos)
      for (const std::string& name : split(sees, ',')) room.sees.push_back(bare(name));
    for (const std::string& name : split(cells[1], ',')) rooms[bare(name)] = room;
  }
  if (rooms.empty())
    throw std::runtime_error("the table of the tree was not found: '| folder | what it holds | sees |'");
  return rooms;
}

std::vector<Include> read_includes(const std::filesystem::path& root) {
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)");
  std::vector<Include> all;
  for (const auto& folder : std::filesystem::directory_iterator(root)) {
    if (!folder.is_directory() || !std::filesystem::exists(folder.path() / "CMakeLists.txt")) continue;
    if (std::filesystem::exists(folder.path() / "CMakeCache.txt")) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file() || !is_source(entry.path())) continue;
      std::ifstream source(entry.path());
      int number = 0;
      for (std::string line; std::getline(source, line);) {
        ++number;
        if (line.find("include") == std::string::npos) continue;
        if (std::smatch match; std::regex_match(line, match, include))
          all.push_back(
              {std::filesystem::relative(entry.path(), root).generic_string(), number, match[2], match[1] == "\""});
      }
    }
  }
  return all;
}

std::string room_of(const std::string& file, const Rooms& rooms) {
  for (std::string folder = file; !folder.empty();) {
    const size_t slash = folder.rfind('/');
    folder = slash == std::string::npos ? "" : folder.substr(0, slash);
    if (rooms.count(folder)) return folder;
  }
  return "";
}

std::vector<std::string> wrong_includes(const std::vector<Include>& includes, const Rooms& rooms) {
  std::vector<std::string> wrong;
  const auto say = [&](const Include& at, const std::string& what) {
    wrong.push_back(at.file + ":" + std::to_string(at.line) + ": \"" + at.header + "\" " + what);
  };
  std::set<std::string> unlisted;
  for (const Include& at : includes) {
    const std::string from = room_of(at.file, rooms);
    if (from.empty()) {
      const std::string folder = at.file.substr(0, at.file.find('/'));
      if (unlisted.insert(folder).second)
        wrong.push_back(folder +
                        "/ is not in ARCHITECTURE.md's table of the tree: add a row that says what it holds and sees");
      continue;
    }
    if (at.quoted) {
      const std::string to = room_of(at.header, rooms);
      if (at.header.find('/') == std::string::npos)
        say(at, "is not written from the repository's root");
      else if (to.empty())
        say(at, "is in no folder that ARCHITECTURE.md lists");
      else if (to != from && !rooms.at(from).everything && !contains(rooms.at(from).sees, to))
        say(at, "must not be seen there: by ARCHITECTURE.md's table " + from + "/ does not see " + to + "/");
      continue;
    }
    for (const Library& library : libraries)
      if (begins(at.header, library.header) && !contains(library.rooms, from))
        say(at, "belongs to " + library.rooms.front() + "/ alone");
    for (const std::string& header : heavy)
      if (is_header(at.file) && begins(at.header, header) && from != "tests" && from != "device/cpu")
        say(at, "is a heavy header: include it in a .cpp");
  }
  return wrong;
}

}  // namespace trm::testing
