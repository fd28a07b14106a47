#pragma once
// HDF5 keeps attributes too long for an object's header outside of its own metadata checksums, and trusts their bytes
// when it looks them up. So the root's attribute `long_texts` has address, bytes and XXH64 of each, to be checked
// before.
#include <hdf5.h>

#include "checkpoint/file_driver.h"

namespace trm::checkpoint {

/// Writes the attribute for what was written raw so far: to be called after the texts and before the arrays.
void seal_long_texts(hid_t file, const FileAccess& access);

/// Throws Error where a long text is not what was sealed.
void check_long_texts(hid_t file, const FileAccess& access);

}  // namespace trm::checkpoint
