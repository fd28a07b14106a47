#include "checkpoint/long_texts.h"

#include <vector>

#include "checkpoint/digest.h"
#include "checkpoint/hdf5.h"
#include "checkpoint/layout.h"
#include "checkpoint/read_at.h"

namespace trm::checkpoint {
namespace {

struct Seal {
  uint64_t address, bytes, hash;
};
constexpr size_t max_seals = 100;  // so many lie within HDF5's checksums

uint64_t hash_range(const FileAccess& access, uint64_t address, uint64_t bytes) {
  if (bytes > access.end || address > access.end - bytes) throw Error("a long text lies beyond the end of the file");
  std::vector<std::byte> text(bytes);
  if (read_at(access.descriptor, address, text.data(), bytes) < bytes) throw Error("a long text cannot be read");
  return hash_bytes(text);
}

}  // namespace

void seal_long_texts(hid_t file, const FileAccess& access) {
  if (access.raw.empty() || access.error) return;
  if (access.raw.size() > max_seals) throw Error("it has too many long notes");
  std::vector<Seal> seals;
  for (const auto& [address, bytes] : access.raw) seals.push_back({address, bytes, hash_range(access, address, bytes)});
  const hsize_t shape[] = {seals.size(), 3};
  const Handle space = checked(H5Screate_simple(2, shape, nullptr), layout::long_texts);
  const Handle attribute =
      checked(H5Acreate2(file, layout::long_texts, H5T_STD_U64LE, space, H5P_DEFAULT, H5P_DEFAULT), layout::long_texts);
  check(H5Awrite(attribute, H5T_STD_U64LE, seals.data()), layout::long_texts);
}

void check_long_texts(hid_t file, const FileAccess& access) {
  if (!has_attribute(file, layout::long_texts)) return;
  const Handle attribute = checked(H5Aopen(file, layout::long_texts, H5P_DEFAULT), layout::long_texts);
  const Handle space = checked(H5Aget_space(attribute), layout::long_texts);
  const Handle type = checked(H5Aget_type(attribute), layout::long_texts);
  const hssize_t numbers = H5Sget_simple_extent_npoints(space);
  if (numbers < 0 || numbers > static_cast<hssize_t>(3 * max_seals) || numbers % 3 ||
      H5Tequal(type, H5T_STD_U64LE) <= 0)
    throw Error("attribute 'long_texts' is of an unexpected type");
  std::vector<Seal> seals(static_cast<size_t>(numbers) / 3);
  check(H5Aread(attribute, H5T_STD_U64LE, seals.data()), layout::long_texts);
  for (const Seal& seal : seals)
    if (hash_range(access, seal.address, seal.bytes) != seal.hash)
      throw Error("a long text, such as the tokenizer or the config, does not match its checksum");
}

}  // namespace trm::checkpoint
