#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <system_error>

#include "checkpoint/digest.h"
#include "checkpoint/file_driver.h"
#include "checkpoint/hdf5.h"
#include "checkpoint/layout.h"
#include "checkpoint/long_texts.h"
#include "checkpoint/signature.h"

namespace trm::checkpoint {
namespace {

using Keep = std::function<bool(const std::string& name)>;
using Take = std::function<void(const std::string& name, Array array)>;

struct Damage : Error {
  explicit Damage(const std::string& what) : Error("it is damaged: " + what) {}
};

/// Throws `Damage` with where it was, for errors in `read`.
template <class Read>
auto within(const std::string& where, const Read& read) {
  try {
    return read();
  } catch (const Damage&) {
    throw;
  } catch (const Error& error) {
    throw Damage(where + " (" + error.what() + ")");
  }
}

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

void list_group(hid_t parent, const std::string& prefix, int depth, std::vector<std::string>& names) {
  constexpr int max_depth = 16;
  if (depth > max_depth) throw Error("groups are nested too deeply");
  std::vector<std::string> links;
  const auto collect = [](hid_t, const char* name, const H5L_info_t* info, void* data) -> herr_t {
    if (info->type != H5L_TYPE_HARD) return -1;
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  // In native order: for any other HDF5 1.10 makes a table of many links, and frees what it had not yet filled where
  // one of them cannot be read.
  check(H5Literate(parent, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, collect, &links), "listing group '" + prefix + "'");
  std::sort(links.begin(), links.end());
  for (const auto& link : links) {
    if (prefix.empty() && link == layout::notes) continue;
    const std::string name = prefix + link;
    const Handle object = checked(H5Oopen(parent, link.c_str(), H5P_DEFAULT), "opening '" + name + "'");
    if (H5Iget_type(object) == H5I_GROUP)
      list_group(object, name + "/", depth + 1, names);
    else
      names.push_back(name);
  }
}

ArrayDigest read_digest(hid_t dataset) {
  if (H5Iget_type(dataset) != H5I_DATASET) throw Error("not a dataset");
  const Handle type = checked(H5Dget_type(dataset), "its type");
  const Handle space = checked(H5Dget_space(dataset), "its shape");
  hsize_t sizes[H5S_MAX_RANK];
  const int rank = H5Sget_simple_extent_ndims(space);
  check(rank, "its shape");
  check(H5Sget_simple_extent_dims(space, sizes, nullptr), "its shape");
  return {array_type(type), {sizes, sizes + rank}, read_hash(dataset, layout::array_hash)};
}

Array read_array(hid_t dataset, const ArrayDigest& digest) {
  Array array{digest.type, digest.shape, {}};
  const auto bytes = static_cast<uint64_t>(array.count()) * element_size(array.type);
  // Deflate, the densest of the usual filters, packs at most 1032 bytes into one.
  if (bytes / 1032 > H5Dget_storage_size(dataset)) throw Error("its data is missing");
  array.bytes.resize(bytes);
  if (bytes > 0)
    check(H5Dread(dataset, file_type(array.type), H5S_ALL, H5S_ALL, H5P_DEFAULT, array.bytes.data()), "data");
  if (hash_bytes(array.bytes) != digest.hash) throw Error("its data does not match its checksum");
  return array;
}

void read_notes(hid_t file, uint64_t limit, std::map<std::string, std::string>& notes) {
  const Handle group = checked(H5Gopen2(file, layout::notes, H5P_DEFAULT), "opening");
  std::vector<std::string> keys;
  const auto collect = [](hid_t, const char* name, const H5A_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  check(H5Aiterate2(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &keys), "listing");
  for (const auto& key : keys) notes[key] = read_text(group, key, limit);
}

/// Returns the version.
int64_t require_format(hid_t file, uint64_t limit) {
  const std::string foreign = "it is an HDF5 file, but not a checkpoint: ";
  if (!within("its root group", [&] { return has_attribute(file, layout::format); }))
    throw Error(foreign + "it has no attribute '" + layout::format + "'");
  const std::string format = within("its root group", [&] { return read_text(file, layout::format, limit); });
  if (format != layout::format_name) throw Error(foreign + "its format is '" + format + "'");
  const int64_t version = within("its root group", [&] { return read_number(file, layout::version); });
  if (version < 1) throw Damage("its format version is " + std::to_string(version));
  if (version > format_version)
    throw Error("it was written by a newer version of the program: its format version is " + std::to_string(version) +
                ", this program reads up to " + std::to_string(format_version));
  return version;
}

void read_open(hid_t file, const FileAccess& access, Checkpoint& checkpoint, const Keep& keep, const Take& take) {
  const uint64_t limit = access.end;
  const int64_t version = require_format(file, limit);
  within("its long texts", [&] { check_long_texts(file, access); });
  if (!within("its root group", [&] { return has_attribute(file, layout::config); }))
    throw Error("it has no config (attribute '" + std::string(layout::config) + "')");
  within("its root group", [&] {
    checkpoint.step = read_number(file, layout::step);
    checkpoint.config_yaml = read_text(file, layout::config, limit);
    if (has_attribute(file, layout::tokenizer)) checkpoint.tokenizer_json = read_text(file, layout::tokenizer, limit);
  });
  within("its notes", [&] { read_notes(file, limit, checkpoint.notes); });
  std::vector<std::string> names;
  within("its list of arrays", [&] { list_group(file, "", 0, names); });

  std::map<std::string, ArrayDigest> digests;
  for (const auto& name : names)
    within("array '" + name + "'", [&] {
      const Handle dataset = checked(H5Oopen(file, name.c_str(), H5P_DEFAULT), "opening");
      digests[name] = read_digest(dataset);
    });
  const uint64_t hash = within("its root group", [&] { return read_hash(file, layout::metadata_hash); });
  if (hash != hash_metadata(version, checkpoint, digests))
    throw Damage("its metadata (config, step, tokenizer, notes, array names and shapes) does not match its checksum");

  for (const auto& name : names)
    if (keep(name))
      within("array '" + name + "'", [&] {
        const Handle dataset = checked(H5Dopen2(file, name.c_str(), H5P_DEFAULT), "opening");
        take(name, read_array(dataset, digests[name]));
      });
}

Checkpoint read_file(int descriptor, const Keep& keep, const Take& take) {
  FileAccess access{.descriptor = descriptor};
  access.end = require_hdf5(descriptor);
  Checkpoint checkpoint;
  try {
    const Hdf5Session session;
    const Handle list = checked(H5Pcreate(H5P_FILE_ACCESS), "opening");
    use_file(list, access);
    const Handle opened =
        within("its header", [&] { return checked(H5Fopen("checkpoint", H5F_ACC_RDONLY, list), "opening"); });
    read_open(opened, access, checkpoint, keep, take);
  } catch (const Error&) {
    if (access.error) throw Error("reading it failed: " + std::generic_category().message(access.error));
    throw;
  }
  return checkpoint;
}

Checkpoint read(const std::filesystem::path& path, const Keep& keep, const Take& take) {
  const std::string cannot = "cannot load checkpoint '" + path.string() + "': ";
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.number < 0) throw Error(cannot + std::generic_category().message(errno));
  try {
    return read_file(file.number, keep, take);
  } catch (const Error& error) {
    throw Error(cannot + error.what());
  } catch (const std::bad_alloc&) {
    throw Error(cannot + "not enough memory");
  }
}

}  // namespace

Checkpoint load(const std::filesystem::path& file, const std::vector<std::string>& prefixes) {
  std::map<std::string, Array> arrays;
  const auto keep = [&](const std::string& name) {
    return prefixes.empty() || std::any_of(prefixes.begin(), prefixes.end(),
                                           [&](const std::string& prefix) { return name.starts_with(prefix); });
  };
  Checkpoint checkpoint =
      read(file, keep, [&](const std::string& name, Array array) { arrays[name] = std::move(array); });
  checkpoint.arrays = std::move(arrays);
  return checkpoint;
}

void verify(const std::filesystem::path& file) {
  read(
      file, [](const std::string&) { return true; }, [](const std::string&, const Array&) {});
}

}  // namespace trm::checkpoint
