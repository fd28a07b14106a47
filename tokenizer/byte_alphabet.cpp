#include "tokenizer/byte_alphabet.h"

#include <utf8.h>

#include <algorithm>
#include <iterator>
#include <numeric>

namespace trm {
namespace {

struct Alphabet {
  std::array<uint32_t, 256> code_point{};
  std::array<std::string, 256> symbol;
  std::array<uint8_t, 256> by_symbol{};
  std::array<int, 0x144> byte{};  // by code point; -1 where none

  Alphabet() {
    byte.fill(-1);
    uint32_t other = 0x100;
    for (uint32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      code_point[b] = printable ? b : other++;
      byte[code_point[b]] = static_cast<int>(b);
      utf8::append(code_point[b], std::back_inserter(symbol[b]));
    }
    std::iota(by_symbol.begin(), by_symbol.end(), uint8_t{0});
    std::sort(by_symbol.begin(), by_symbol.end(), [&](uint8_t a, uint8_t b) { return code_point[a] < code_point[b]; });
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

const std::array<std::string, 256>& byte_symbols() { return alphabet().symbol; }

const std::array<uint8_t, 256>& bytes_by_symbol() { return alphabet().by_symbol; }

std::string to_symbols(std::string_view bytes) {
  const auto& symbol = byte_symbols();
  std::string out;
  out.reserve(2 * bytes.size());
  for (unsigned char b : bytes) out += symbol[b];
  return out;
}

std::optional<std::string> to_bytes(std::string_view symbols) {
  const auto& byte = alphabet().byte;
  std::string out;
  if (!utf8::is_valid(symbols.begin(), symbols.end())) return std::nullopt;
  for (const char *at = symbols.data(), *end = at + symbols.size(); at != end;) {
    const uint32_t c = utf8::unchecked::next(at);
    if (c >= byte.size() || byte[c] < 0) return std::nullopt;
    out += static_cast<char>(byte[c]);
  }
  return out;
}

}  // namespace trm
