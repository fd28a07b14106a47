#pragma once
// Checksums (XXH64, seed 0) of a checkpoint's arrays and of everything else in it.
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "checkpoint/checkpoint.h"

namespace trm::checkpoint {

uint64_t hash_bytes(std::span<const std::byte> bytes);

/// What the metadata checksum covers of an array.
struct ArrayDigest {
  ArrayType type;
  std::vector<int64_t> shape;
  uint64_t hash;  // of its bytes
};

/// Over version, step, config, tokenizer, notes, and each array's name, type, shape and hash.
uint64_t hash_metadata(int64_t version, const Checkpoint& checkpoint, const std::map<std::string, ArrayDigest>& arrays);

}  // namespace trm::checkpoint
