#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace trm::accelerator {

struct Context;

/// A built program in $XDG_CACHE_HOME/trm/opencl (else ~/.cache/trm/opencl), named by a hash of device, driver, source
/// and options. A file that is damaged or made for something else is as good as none; a folder that cannot be written
/// is no error.
class ProgramCache {
 public:
  ProgramCache(const Context& context, const std::string& file, const std::string& source, const std::string& options);

  std::optional<std::vector<unsigned char>> read() const;
  void write(const std::vector<unsigned char>& binary) const;
  /// Empty where there is no place for a cache (neither XDG_CACHE_HOME nor HOME).
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::string key_;  // what the binary was made from: stored with it
};

}  // namespace trm::accelerator
