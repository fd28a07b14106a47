#pragma once
// Checkpoints: one HDF5 file each, readable with any HDF5 tool (layout in checkpoint/README.md).
// Thread-safe; uses of HDF5 take turns.
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/array.h"
#include "checkpoint/error.h"

namespace trm::checkpoint {

/// The newest version that load() reads. save() writes 2 where an array is of bfloat16, else 1, which older programs read.
inline constexpr int64_t format_version = 2;

struct Checkpoint {
  int64_t step = 0;                          // optimizer steps done
  std::string config_yaml;                   // the whole configuration
  std::string tokenizer_json;                // tokenizer.json when chat, else empty
  std::map<std::string, std::string> notes;  // for the reader: device, thread count, program version
  std::map<std::string, Array> arrays;       // "<group>/<name>": "model/model.inner.lm_head.weight", "optimizer/...",
                                             // "ema/...", "carry/...", "rng/...", "loader/..."
};

/// Writes `file` whole or not at all: into a temporary file of the same folder, synced, then renamed. On any failure
/// the temporary file is gone and an older `file` untouched. Throws Error with the path and the reason (folder missing
/// or not writable, disk full with bytes needed and free, a bad array name or size).
void save(const Checkpoint& checkpoint, const std::filesystem::path& file);

/// Reads the arrays whose names start with one of `prefixes` ("model/"), all of them where there are none; whatever
/// else the checkpoint holds is always read. Checks the checksums of the metadata and of each array read. Throws Error
/// that names the file and what is wrong: absent, not HDF5, cut short, damaged (which array), HDF5 of something else,
/// written by a newer version, without config.
Checkpoint load(const std::filesystem::path& file, const std::vector<std::string>& prefixes = {});

/// Reads and checks all of `file`, keeping at most one array in memory. Throws as load().
void verify(const std::filesystem::path& file);

}  // namespace trm::checkpoint
