#pragma once
#include <string>

#include "device/backend.h"

namespace trm {

/// Stands in for a kind of device whose backend is not built in or cannot be loaded: it has no devices and says why.
Platform* make_absent(DeviceKind kind, std::string why);

}  // namespace trm
