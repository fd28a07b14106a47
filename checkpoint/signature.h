#pragma once
// What kind of file it is, from its first bytes.
#include <cstdint>

namespace trm::checkpoint {

/// Size of the HDF5 file that is open as `descriptor`. Throws Error saying what it is instead: not a regular file,
/// empty, a file of torch.save, no HDF5 file, or one that is cut short (by the size that its superblock tells).
uint64_t require_hdf5(int descriptor);

}  // namespace trm::checkpoint
