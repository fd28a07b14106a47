#pragma once
#include <ostream>

#include "device/device.h"

namespace trm {

/// `--check-setup`: tries what training needs on a tiny model and reports each on a line: device, forward and backward
/// against known numbers, optimizer, loader, checkpoint round trip. Writes only under the system's temporary folder,
/// and cleans up. Returns whether all went well.
bool check_setup(Device device, std::ostream& out);

}  // namespace trm
