#pragma once
#include <string>

#include "settings/node.h"

namespace trm {

/// The value at `path` with its references followed: `${a.b}` is a path from the root, `${.b}` a sibling, `${..b}` one
/// map further up, `${oc.env:NAME}` or `${oc.env:NAME,default}` the environment, `\${` a plain "${". A reference that
/// is the whole text takes the other value as it is, within text its words. A known key that the tree is silent about
/// has its default. Throws SettingsError for a reference to nothing, to itself, or one that does not end.
Node resolve(const Node& root, const std::string& path, const Node& value);

}  // namespace trm
