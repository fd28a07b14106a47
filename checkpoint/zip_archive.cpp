#include "checkpoint/zip_archive.h"

#include <zip.h>

#include <string_view>

#include "checkpoint/error.h"

namespace trm::checkpoint {
namespace {

zip_t* open_archive(const std::filesystem::path& file) {
  int code = 0;
  zip_t* archive = zip_open(file.c_str(), ZIP_RDONLY, &code);
  if (archive) return archive;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string reason = zip_error_strerror(&error);
  zip_error_fini(&error);
  throw Error("it is not a whole zip file, as torch.save writes: it is cut short or damaged (" + reason + ")");
}

}  // namespace

ZipArchive::ZipArchive(const std::filesystem::path& file)
    : archive_(open_archive(file), zip_discard), file_size_(std::filesystem::file_size(file)) {}

std::optional<std::string> ZipArchive::prefix_of(const std::string& ending) const {
  std::optional<std::string> prefix;
  const zip_int64_t entries = zip_get_num_entries(archive_.get(), 0);
  for (zip_int64_t i = 0; i < entries; ++i) {
    const char* text = zip_get_name(archive_.get(), static_cast<zip_uint64_t>(i), 0);
    const std::string_view name = text ? text : "";
    if (!name.ends_with(ending)) continue;
    if (prefix) return std::nullopt;
    prefix = name.substr(0, name.size() - ending.size());
  }
  return prefix;
}

bool ZipArchive::has(const std::string& entry) const { return zip_name_locate(archive_.get(), entry.c_str(), 0) >= 0; }

std::vector<std::byte> ZipArchive::read(const std::string& entry) const {
  const std::string where = "its entry '" + entry + "' ";
  zip_stat_t status;
  zip_stat_init(&status);
  if (zip_stat(archive_.get(), entry.c_str(), 0, &status) != 0) throw Error(where + "is missing");
  if (!(status.valid & ZIP_STAT_COMP_METHOD) || status.comp_method != ZIP_CM_STORE)
    throw Error(where + "is compressed, which torch.save does not do");
  if (status.size > file_size_) throw Error(where + "is larger than the file");
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(zip_fopen_index(archive_.get(), status.index, 0),
                                                               zip_fclose);
  if (!file) throw Error(where + "cannot be read: " + zip_strerror(archive_.get()));
  std::vector<std::byte> bytes(status.size);
  // One byte more than there is: libzip compares the CRC at the end of the entry.
  std::byte beyond;
  zip_int64_t got = zip_fread(file.get(), bytes.data(), bytes.size());
  const bool whole = got == static_cast<zip_int64_t>(bytes.size());
  if (whole) got = zip_fread(file.get(), &beyond, 1);
  if (got < 0) throw Error(where + "is damaged: " + zip_error_strerror(zip_file_get_error(file.get())));
  if (!whole || got != 0) throw Error(where + "is damaged: its size differs from what the zip says");
  return bytes;
}

}  // namespace trm::checkpoint
