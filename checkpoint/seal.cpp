#include "checkpoint/seal.h"

#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>

#include "checkpoint/digest.h"
#include "checkpoint/error.h"
#include "checkpoint/read_at.h"

namespace trm::checkpoint {
namespace {

constexpr std::string_view magic("trm-checkpoint\n\x1a", 16);
constexpr uint64_t version = 1, smallest_block = 512, largest_block = uint64_t{1} << 26;
constexpr size_t fixed = 56, hash_size = 8;

void put(std::vector<std::byte>& block, size_t at, uint64_t value) { std::memcpy(&block[at], &value, sizeof value); }
uint64_t get(const std::vector<std::byte>& block, size_t at) {
  uint64_t value;
  std::memcpy(&value, &block[at], sizeof value);
  return value;
}

/// XXH64 of [block, size) without the ranges, which are in order and within.
uint64_t hash_structure(int descriptor, uint64_t block, uint64_t size, const std::vector<Range>& ranges) {
  const std::unique_ptr<XXH64_state_t, decltype(&XXH64_freeState)> state(XXH64_createState(), XXH64_freeState);
  XXH64_reset(state.get(), 0);
  std::vector<std::byte> piece(1 << 16);
  const auto add = [&](uint64_t from, uint64_t to) {
    while (from < to) {
      const size_t got = read_at(descriptor, from, piece.data(), std::min<uint64_t>(piece.size(), to - from));
      if (got == 0) throw Error("it became shorter while it was read");
      XXH64_update(state.get(), piece.data(), got);
      from += got;
    }
  };
  uint64_t at = block;
  for (const Range& range : ranges) {
    add(at, range.address);
    at = range.address + range.bytes;
  }
  add(at, size);
  return XXH64_digest(state.get());
}

bool in_order(const std::vector<Range>& ranges, uint64_t block, uint64_t size) {
  uint64_t at = block;
  for (const Range& range : ranges) {
    if (range.address < at || range.bytes > size || range.address > size - range.bytes) return false;
    at = range.address + range.bytes;
  }
  return at <= size;
}

}  // namespace

uint64_t seal_bytes(size_t ranges) {
  uint64_t block = smallest_block;
  while (block < fixed + 16 * ranges + hash_size) block *= 2;
  return block;
}

void write_seal(int descriptor, uint64_t block, std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.address < b.address; });
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw Error(std::generic_category().message(errno));
  const auto size = static_cast<uint64_t>(status.st_size);
  if (seal_bytes(ranges.size()) > block || block > largest_block || !in_order(ranges, block, size))
    throw Error("its arrays do not lie where a seal can list them");
  std::vector<std::byte> bytes(block);
  std::memcpy(bytes.data(), magic.data(), magic.size());
  put(bytes, 16, version);
  put(bytes, 24, block);
  put(bytes, 32, size);
  put(bytes, 40, hash_structure(descriptor, block, size, ranges));
  put(bytes, 48, ranges.size());
  for (size_t i = 0; i < ranges.size(); ++i) {
    put(bytes, fixed + 16 * i, ranges[i].address);
    put(bytes, fixed + 16 * i + 8, ranges[i].bytes);
  }
  put(bytes, block - hash_size, hash_bytes({bytes.data(), block - hash_size}));
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t put = ::pwrite(descriptor, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) throw Error("writing: " + std::generic_category().message(put < 0 ? errno : ENOSPC));
    done += static_cast<size_t>(put);
  }
}

bool has_seal(std::string_view head) {
  const size_t size = std::min(head.size(), magic.size());
  return size > 0 && head.substr(0, size) == magic.substr(0, size);
}

uint64_t check_seal(int descriptor, uint64_t size) {
  const std::string damaged = "it is damaged: its seal ";
  std::vector<std::byte> block(smallest_block);
  if (read_at(descriptor, 0, block.data(), block.size()) < block.size())
    throw Error("it is cut short: " + std::to_string(size) + " bytes");
  const uint64_t bytes = get(block, 24);
  const bool power = bytes >= smallest_block && bytes <= largest_block && (bytes & (bytes - 1)) == 0;
  if (!power) throw Error(damaged + "does not match its checksum");
  if (bytes > size) throw Error("it is cut short: " + std::to_string(size) + " bytes");
  block.resize(bytes);
  if (read_at(descriptor, 0, block.data(), bytes) < bytes) throw Error("it became shorter while it was read");
  if (hash_bytes({block.data(), bytes - hash_size}) != get(block, bytes - hash_size))
    throw Error(damaged + "does not match its checksum");
  if (get(block, 16) != version)
    throw Error("it was written by a newer version of the program: its seal is of version " +
                std::to_string(get(block, 16)));
  const uint64_t whole = get(block, 32);
  if (whole > size) throw Error("it is cut short: " + std::to_string(size) + " bytes of " + std::to_string(whole));
  const uint64_t count = get(block, 48);
  if (count > (bytes - fixed - hash_size) / 16) throw Error(damaged + "lists too many arrays");
  std::vector<Range> ranges(count);
  for (size_t i = 0; i < count; ++i) ranges[i] = {get(block, fixed + 16 * i), get(block, fixed + 16 * i + 8)};
  if (!in_order(ranges, bytes, whole)) throw Error(damaged + "lists arrays out of order");
  if (hash_structure(descriptor, bytes, whole, ranges) != get(block, 40))
    throw Error("it is damaged: its structure or its texts do not match their checksum");
  return whole;
}

}  // namespace trm::checkpoint
