#pragma once
// What kind of file it is, from its first bytes.
#include <cstdint>

namespace trm::checkpoint {

/// Size of the checkpoint that is open as `descriptor`, whose seal (checkpoint/seal.h) matches: before the HDF5 library
/// sees it. One of an earlier version has none. Throws Error saying what it is instead: not a regular file, empty, a
/// file of torch.save, another format, cut short, or damaged.
uint64_t require_hdf5(int descriptor);

}  // namespace trm::checkpoint
