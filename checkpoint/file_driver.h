#pragma once
// An HDF5 file driver over an open descriptor. HDF5 cannot close a file whose last writes fail: it keeps it open and
// complains at exit. This driver notes the first failure, lets HDF5 finish, and the caller throws.
#include <hdf5.h>

#include <cstdint>
#include <map>

namespace trm::checkpoint {

/// What the driver reads and writes. Outlives the HDF5 file.
struct FileAccess {
  int descriptor = -1;
  uint64_t end = 0;                    // bytes in the file: its size when reading, 0 when a new one is written
  int error = 0;                       // errno of the first read or write that failed; later writes are dropped
  std::map<uint64_t, uint64_t> raw{};  // address and bytes of what was written outside of HDF5's metadata
};

/// Makes files opened with the access property list `list` go through `file`, whatever their name.
void use_file(hid_t list, FileAccess& file);

}  // namespace trm::checkpoint
