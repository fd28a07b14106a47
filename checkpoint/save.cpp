#include <algorithm>
#include <set>

#include "checkpoint/atomic_file.h"
#include "checkpoint/digest.h"
#include "checkpoint/file_driver.h"
#include "checkpoint/hdf5.h"
#include "checkpoint/layout.h"
#include "checkpoint/long_texts.h"
#include "checkpoint/seal.h"

namespace trm::checkpoint {
namespace {

void require_name(const std::string& name) {
  bool good = name.find('/') != std::string::npos && name.find('\0') == std::string::npos &&
              !name.starts_with(std::string(layout::notes) + "/");
  for (size_t start = 0; good && start <= name.size();) {
    const size_t end = std::min(name.find('/', start), name.size());
    const std::string part = name.substr(start, end - start);
    good = !part.empty() && part != "." && part != "..";
    start = end + 1;
  }
  if (!good) throw Error("'" + name + "' is not an array name of the form group/name");
}

void require_whole(const Checkpoint& checkpoint) {
  if (checkpoint.config_yaml.empty()) throw Error("it has no config");
  for (const auto& [name, array] : checkpoint.arrays) {
    require_name(name);
    if (array.bytes.size() != static_cast<size_t>(array.count()) * element_size(array.type))
      throw Error("array '" + name + "' has " + std::to_string(array.bytes.size()) + " bytes, which is not its shape");
    if (array.shape.size() > H5S_MAX_RANK) throw Error("array '" + name + "' has too many dimensions");
  }
}

/// An upper estimate; what is not used is given back.
uint64_t bytes_needed(const Checkpoint& checkpoint) {
  constexpr uint64_t fixed = 64 << 10, an_array = 1 << 10;
  uint64_t bytes = fixed + checkpoint.config_yaml.size() + checkpoint.tokenizer_json.size();
  for (const auto& [key, note] : checkpoint.notes) bytes += an_array + key.size() + note.size();
  for (const auto& [name, array] : checkpoint.arrays) bytes += array.bytes.size() + an_array + 4 * name.size();
  return bytes;
}

int64_t version_of(const Checkpoint& checkpoint) {
  const bool narrow = std::any_of(checkpoint.arrays.begin(), checkpoint.arrays.end(),
                                  [](const auto& named) { return named.second.type == ArrayType::bfloat16; });
  return narrow ? 2 : 1;
}

/// Without times, which would make two files of the same contents differ.
void make_group(hid_t file, const std::string& name) {
  const Handle creation = checked(H5Pcreate(H5P_GROUP_CREATE), name);
  check(H5Pset_obj_track_times(creation, false), name);
  checked(H5Gcreate2(file, name.c_str(), H5P_DEFAULT, creation, H5P_DEFAULT), name);
}

/// The groups that an array lies in, but for those that are there.
void make_groups_of(hid_t file, const std::string& array, std::set<std::string>& there) {
  for (size_t end = array.find('/'); end != std::string::npos; end = array.find('/', end + 1))
    if (const std::string group = array.substr(0, end); there.insert(group).second) make_group(file, group);
}

uint64_t write_array(hid_t file, const std::string& name, const Array& array, std::vector<Range>& ranges) {
  const std::vector<hsize_t> shape(array.shape.begin(), array.shape.end());
  const Handle space = checked(
      shape.empty() ? H5Screate(H5S_SCALAR) : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
      name);
  const Handle creation = checked(H5Pcreate(H5P_DATASET_CREATE), name);
  check(H5Pset_obj_track_times(creation, false), name);
  check(H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER), name);
  const hid_t type = file_type(array.type);
  const Handle dataset = checked(H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT), name);
  const uint64_t hash = hash_bytes(array.bytes);
  write_hash(dataset, layout::array_hash, hash);
  if (array.bytes.empty()) return hash;
  check(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.bytes.data()), name);
  const haddr_t address = H5Dget_offset(dataset);
  if (address == HADDR_UNDEF) throw Error("array '" + name + "' has no place in the file");
  ranges.push_back({address, array.bytes.size()});
  return hash;
}

void write_notes(hid_t file, const Checkpoint& checkpoint) {
  make_group(file, layout::notes);
  const Handle group = checked(H5Gopen2(file, layout::notes, H5P_DEFAULT), layout::notes);
  for (const auto& [key, note] : checkpoint.notes) write_text(group, key, note);
}

void write_contents(hid_t file, const Checkpoint& checkpoint, const FileAccess& access, std::vector<Range>& ranges) {
  write_text(file, layout::format, layout::format_name);
  const int64_t version = version_of(checkpoint);
  write_number(file, layout::version, version);
  write_number(file, layout::step, checkpoint.step);
  write_text(file, layout::config, checkpoint.config_yaml);
  if (!checkpoint.tokenizer_json.empty()) write_text(file, layout::tokenizer, checkpoint.tokenizer_json);
  write_notes(file, checkpoint);
  seal_long_texts(file, access);
  std::map<std::string, ArrayDigest> arrays;
  std::set<std::string> groups;
  for (const auto& [name, array] : checkpoint.arrays) {
    make_groups_of(file, name, groups);
    arrays[name] = {array.type, array.shape, write_array(file, name, array, ranges)};
    if (access.error) return;
  }
  write_hash(file, layout::metadata_hash, hash_metadata(version, checkpoint, arrays));
}

/// Returns where the arrays lie.
std::vector<Range> write_hdf5(const Checkpoint& checkpoint, uint64_t block, FileAccess& access) {
  std::vector<Range> ranges;
  const Handle creation = checked(H5Pcreate(H5P_FILE_CREATE), "creating");
  check(H5Pset_obj_track_times(creation, false), "creating");
  check(H5Pset_userblock(creation, block), "creating");
  const Handle list = checked(H5Pcreate(H5P_FILE_ACCESS), "creating");
  // The format of HDF5 1.8: every tool reads it, and all of its metadata lies under checksums.
  check(H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_V18), "creating");
  use_file(list, access);
  Handle file = checked(H5Fcreate("checkpoint", H5F_ACC_TRUNC, creation, list), "creating");
  write_contents(file, checkpoint, access, ranges);
  check(H5Fflush(file, H5F_SCOPE_GLOBAL), "writing");
  return ranges;
}

}  // namespace

void save(const Checkpoint& checkpoint, const std::filesystem::path& file) {
  try {
    require_whole(checkpoint);
  } catch (const Error& error) {
    throw Error("cannot save '" + file.string() + "': " + error.what());
  }
  TemporaryFile temporary(file);
  const uint64_t block = seal_bytes(checkpoint.arrays.size());
  temporary.reserve(block + bytes_needed(checkpoint));
  FileAccess access{.descriptor = temporary.descriptor()};
  std::string reason;
  std::vector<Range> ranges;
  try {
    const Hdf5Session session;
    ranges = write_hdf5(checkpoint, block, access);
  } catch (const Error& error) {
    reason = error.what();
  }
  if (access.error) temporary.fail(access.error, "writing");
  if (reason.empty()) {
    try {
      write_seal(temporary.descriptor(), block, std::move(ranges));
    } catch (const Error& error) {
      reason = error.what();
    }
  }
  if (!reason.empty()) throw Error("cannot save '" + file.string() + "': " + reason);
  temporary.commit();
}

}  // namespace trm::checkpoint
