#pragma once
// The seal of a checkpoint: HDF5's user block, before the HDF5 file proper, with the file's length and the checksum of
// all that the HDF5 library interprets, so that it is checked before the library, which trusts what it reads, sees the
// file. Arrays' contents are only copied and have checksums of their own; the seal lists where they lie. Little-endian:
//   0   16  "trm-checkpoint\n\x1a"
//   16   8  version of the seal: 1
//   24   8  bytes of this block: 512 or a higher power of two
//   32   8  bytes of the file
//   40   8  XXH64 of what lies behind the block, without the ranges that follow
//   48   8  number of ranges n
//   56 16n  address and bytes of each, in order
//   ...     zeros
//   -8   8  XXH64 of the block before it
#include <cstdint>
#include <string_view>
#include <vector>

namespace trm::checkpoint {

/// Bytes of a file that hold the contents of an array.
struct Range {
  uint64_t address = 0, bytes = 0;
};

/// Bytes of a seal that may list that many ranges.
uint64_t seal_bytes(size_t ranges);

/// Writes the seal of a file whose HDF5 part, behind `block` bytes, is complete. Throws Error where writing fails (with
/// errno's text), or for more ranges than the block holds.
void write_seal(int descriptor, uint64_t block, std::vector<Range> ranges);

/// Whether a file that begins like this has a seal, or would have if it were not cut short within.
bool has_seal(std::string_view head);

/// The length that the seal tells, `size` bytes at most: what lies behind it is nothing of ours. Throws Error saying
/// how the file differs from its seal.
uint64_t check_seal(int descriptor, uint64_t size);

}  // namespace trm::checkpoint
