#pragma once
// Weights of the Python project: files that `torch.save(model.state_dict(), path)` writes, with any extension or none.
// Format: a stored zip with <name>/data.pkl (a pickle of dict, _rebuild_tensor_v2 and persistent ids) and one
// <name>/data/<key> a storage (PyTorch, torch/serialization.py).
#include <filesystem>
#include <map>
#include <string>

#include "checkpoint/array.h"

namespace trm::checkpoint {

/// Whether `file` begins as what torch.save writes, a zip or, before PyTorch 1.6, a pickle. Never throws.
bool is_torch_file(const std::filesystem::path& file) noexcept;

/// The tensors, as float32, contiguous, without what torch.compile, DDP and FSDP put into names ("_orig_mod.",
/// "module.",
/// "_fsdp_wrapped_module."). Only data is
/// read: nothing in the file is run. Throws Error that names the file and what is wrong: absent, not a zip, cut short,
/// damaged (CRC), an entry that is not a tensor, a Python type that state dicts do not have, an impossible shape.
std::map<std::string, Array> import_torch(const std::filesystem::path& file);

}  // namespace trm::checkpoint
