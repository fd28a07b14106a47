#include "device/accelerator/program_cache.h"

#include <unistd.h>
#include <xxhash.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "device/accelerator/context.h"

namespace trm::accelerator {
namespace {

namespace fs = std::filesystem;

constexpr const char* magic = "trm opencl program 1";

std::string hash_of(const void* data, size_t bytes) {
  const XXH128_hash_t hash = XXH3_128bits(data, bytes);
  char text[33];
  std::snprintf(text, sizeof(text), "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return text;
}

fs::path cache_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) return fs::path(cache) / "trm" / "opencl";
  if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".cache" / "trm" / "opencl";
  return {};
}

}  // namespace

// A file: magic, key, hash of the binary, a line each; then the binary.
ProgramCache::ProgramCache(const Context& context, const std::string& file, const std::string& source,
                           const std::string& options) {
  const std::string maker = device_text(context.device, CL_DEVICE_VERSION);
  key_ = context.name + " | " + maker + " | " + context.driver + " | " + options + " | " +
         hash_of(source.data(), source.size());
  if (const fs::path folder = cache_folder(); !folder.empty())
    path_ = folder / (fs::path(file).stem().string() + '-' + hash_of(key_.data(), key_.size()) + ".bin");
}

std::optional<std::vector<unsigned char>> ProgramCache::read() const {
  if (path_.empty()) return std::nullopt;
  std::ifstream stream(path_, std::ios::binary);
  std::string first, key, hash;
  if (!std::getline(stream, first) || first != magic || !std::getline(stream, key) || key != key_ ||
      !std::getline(stream, hash))
    return std::nullopt;
  std::vector<unsigned char> binary{std::istreambuf_iterator<char>(stream), {}};
  if (binary.empty() || hash_of(binary.data(), binary.size()) != hash) return std::nullopt;
  return binary;
}

void ProgramCache::write(const std::vector<unsigned char>& binary) const {
  if (path_.empty() || binary.empty()) return;
  std::error_code error;
  fs::create_directories(path_.parent_path(), error);
  if (error) return;
  // Under a name of its own, then renamed: another process may read or write the same program now.
  const fs::path temporary = path_.string() + '.' + std::to_string(getpid()) + ".tmp";
  std::ofstream stream(temporary, std::ios::binary);
  stream << magic << '\n' << key_ << '\n' << hash_of(binary.data(), binary.size()) << '\n';
  stream.write(reinterpret_cast<const char*>(binary.data()), static_cast<std::streamsize>(binary.size()));
  stream.close();
  if (stream) fs::rename(temporary, path_, error);
  if (!stream || error) fs::remove(temporary, error);
}

}  // namespace trm::accelerator
