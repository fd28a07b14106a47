#include "checkpoint/signature.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include "checkpoint/error.h"
#include "checkpoint/read_at.h"
#include "checkpoint/seal.h"
#include "text/encoding.h"

namespace trm::checkpoint {

// Checkpoints before the seal begin with HDF5's superblock, version 2 and 3: signature (8 bytes), version, size of
// offsets, size of lengths, flags, base address (8), extension address (8), end of file (8), root group (8), checksum
// (4).
uint64_t require_hdf5(int descriptor) {
  using namespace std::string_view_literals;
  constexpr auto hdf5 = "\x89HDF\r\n\x1a\n"sv, zip = "PK\x03\x04"sv;
  constexpr size_t superblock_size = 48, end_offset = 28;

  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw Error(std::generic_category().message(errno));
  if (S_ISDIR(status.st_mode)) throw Error("it is a folder");
  if (!S_ISREG(status.st_mode)) throw Error("it is not a regular file");
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size == 0) throw Error("it is empty");

  char bytes[superblock_size] = {};
  const std::string_view head(bytes, read_at(descriptor, 0, bytes, sizeof bytes));
  if (has_seal(head)) return check_seal(descriptor, size);
  if (head.starts_with(zip))
    throw Error(
        "it is a zip file, as torch.save writes, not a checkpoint of this program; its weights can be imported");
  if (head.substr(0, hdf5.size()) != hdf5.substr(0, head.size())) {
    const auto format = foreign_format(head);
    throw Error(format ? "it is " + *format + ", not a checkpoint of this program (HDF5)" : "it is not an HDF5 file");
  }
  if (head.size() < superblock_size) throw Error("it is cut short: " + std::to_string(size) + " bytes");
  uint64_t end = 0;
  std::memcpy(&end, bytes + end_offset, sizeof end);
  const bool has_end = (bytes[8] == 2 || bytes[8] == 3) && bytes[9] == 8;
  if (has_end && end > size)
    throw Error("it is cut short: " + std::to_string(size) + " bytes of " + std::to_string(end));
  return size;
}

}  // namespace trm::checkpoint
