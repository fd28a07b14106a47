#pragma once
// Files that should be text, and what they are instead.
#include <optional>
#include <string>
#include <string_view>

namespace trm {

/// The text of a file's bytes as UTF-8: a byte order mark is dropped, UTF-16 that has one is converted. Throws
/// TextError: "it is compressed with gzip; …", or the place of the first byte that is not UTF-8, or of a NUL.
std::string to_utf8(std::string bytes);

/// What bytes that begin like this are, with what to do with them ("compressed with gzip; unpack it first"): archives,
/// documents, weights, images. Nothing for what may be text.
std::optional<std::string> foreign_format(std::string_view bytes);

}  // namespace trm
