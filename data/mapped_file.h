#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>

namespace trm {

/// A regular file, mapped for reading; copies share the mapping.
struct MappedFile {
  std::shared_ptr<const unsigned char> bytes;
  uint64_t size = 0;
};

/// Throws DataError: absent, empty, no regular file. Where a file is cut short after it was mapped (somebody builds the
/// dataset anew in place), the system raises SIGBUS on reading; the program then ends with an error that names the
/// file, and exit status 1.
MappedFile map_file(const std::filesystem::path& path);

}  // namespace trm
