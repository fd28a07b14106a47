#include "pretrain/event_file.h"

#include <unistd.h>

#include <bit>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "data/files.h"
#include "pretrain/append.h"

namespace trm {
namespace {

enum WireType { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

template <class T>
std::string little_endian(T value) {
  static_assert(std::endian::native == std::endian::little);
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string varint_of(uint64_t value) {
  std::string text;
  for (; value >= 128; value >>= 7) text += static_cast<char>(value | 128);
  return text + static_cast<char>(value);
}

std::string field(uint32_t number, WireType type, const std::string& value) {
  return varint_of(number << 3 | type) + (type == bytes ? varint_of(value.size()) : "") + value;
}

/// RFC 3720; the polynomial reflected.
uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
  }
  return ~crc;
}

uint32_t masked(uint32_t crc) { return std::rotr(crc, 15) + 0xa282ead8u; }

std::string record(const std::string& data) {
  const std::string length = little_endian<uint64_t>(data.size());
  return length + little_endian(masked(crc32c(length))) + data + little_endian(masked(crc32c(data)));
}

std::string event(int64_t step, const std::string& what) {
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return record(field(1, fixed64, little_endian(now)) + field(2, varint, varint_of(static_cast<uint64_t>(step))) +
                what);
}

}  // namespace

EventFile::EventFile(const std::filesystem::path& folder, std::optional<int64_t> resumed_step) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  file_ =
      folder / ("events.out.tfevents." + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now).count()) +
                "." + std::to_string(::getpid()));
  const std::string version = event(0, field(3, bytes, "brain.Event:2"));
  const std::string session =
      event(resumed_step ? *resumed_step + 1 : 0, field(7, bytes, field(1, varint, varint_of(1))));  // START
  if (const int error = append_whole(file_, version + session))
    throw std::runtime_error("cannot write " + quoted(file_) + ": " + std::strerror(error));
}

std::optional<std::string> EventFile::write(int64_t step, const Metrics& metrics) {
  std::string summary;
  for (const auto& [name, value] : metrics)
    summary += field(1, bytes, field(1, bytes, name) + field(2, fixed32, little_endian(static_cast<float>(value))));
  const int error = append_whole(file_, event(step, field(5, bytes, summary)));
  if (error == 0 || failed_) return std::nullopt;
  failed_ = true;
  return "cannot write " + quoted(file_) + ": " + std::strerror(error) + "; metrics are missing there";
}

}  // namespace trm
