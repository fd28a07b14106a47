#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trm {

/// What the header of a .npy file says: a Python dictionary literal with exactly these keys.
struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<uint64_t> shape;
};

/// Throws std::invalid_argument saying what is malformed (without the file's name).
NpyHeader parse_npy_header(std::string_view text);

}  // namespace trm
