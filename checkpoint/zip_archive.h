#pragma once
// Reading the zip files that torch.save writes (stored entries, not compressed), by libzip.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct zip;

namespace trm::checkpoint {

class ZipArchive {
 public:
  /// Throws Error saying why it cannot be opened.
  explicit ZipArchive(const std::filesystem::path& file);

  /// The part before `ending` of the one entry whose name ends with it; nothing where there is none or several.
  std::optional<std::string> prefix_of(const std::string& ending) const;
  bool has(const std::string& entry) const;
  /// The entry's bytes, checked by its CRC. Throws Error naming the entry where it is missing, compressed or damaged.
  std::vector<std::byte> read(const std::string& entry) const;

 private:
  std::unique_ptr<zip, void (*)(zip*)> archive_;
  uint64_t file_size_;
};

}  // namespace trm::checkpoint
