#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace trm::testing {

/// A row of ARCHITECTURE.md's table of the tree: a folder, and the folders whose headers its files may include besides
/// its own.
struct Room {
  std::vector<std::string> sees;
  bool everything = false;
};
/// By folder, without the last slash. Throws std::runtime_error naming the row that cannot be read.
using Rooms = std::map<std::string, Room>;
Rooms read_rooms(const std::string& architecture);

/// One #include of a source file. `header` is relative to the root where quoted, as written where in angle brackets.
struct Include {
  std::string file;
  int line = 0;
  std::string header;
  bool quoted = false;
};
/// All of the sources in the folders that the build knows; files relative to the root.
std::vector<Include> read_includes(const std::filesystem::path& root);

/// The row of the nearest folder that the table lists; empty where there is none.
std::string room_of(const std::string& file, const Rooms& rooms);

/// What is wrong with these includes, one sentence each.
std::vector<std::string> wrong_includes(const std::vector<Include>& includes, const Rooms& rooms);

}  // namespace trm::testing
