#pragma once
// The byte-level alphabet: each byte as one visible Unicode character (Radford et al. 2019). Printable Latin-1 stands
// for itself, the other 68 bytes are U+0100 + their number among them; a space is "Ġ" (U+0120).
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trm {

/// The character of each byte, in UTF-8.
const std::array<std::string, 256>& byte_symbols();

/// All bytes ordered by their character's code point: the order of GPT-2's first 256 ids.
const std::array<uint8_t, 256>& bytes_by_symbol();

std::string to_symbols(std::string_view bytes);

/// The bytes that a token of such characters stands for; nothing if one of them is not in the alphabet.
std::optional<std::string> to_bytes(std::string_view symbols);

}  // namespace trm
