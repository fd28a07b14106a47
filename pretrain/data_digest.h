#pragma once
#include <string>

#include "data/dataset.h"

namespace trm {

/// A short text that differs where the inputs or labels of two datasets do: a checksum of the whole files where they
/// have no more than `whole` bytes together, else of their sizes and of 1 MiB at either end. "" where they cannot be
/// read.
std::string data_digest(const Dataset& dataset, uint64_t whole = uint64_t{256} << 20);

}  // namespace trm
