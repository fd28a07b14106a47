#pragma once
#include <cstddef>
#include <cstdint>

namespace trm::checkpoint {

/// Reads `size` bytes at `offset` of a file, fewer at its end; returns how many. Interrupted reads go on. Throws Error
/// with the system's reason.
size_t read_at(int descriptor, uint64_t offset, void* to, size_t size);

}  // namespace trm::checkpoint
