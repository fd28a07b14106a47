#include "data/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "data/error.h"
#include "data/files.h"
#include "data/mapped_file.h"
#include "data/npy_header.h"
#include "text/printable.h"

static_assert(std::endian::native == std::endian::little, "the arrays are mapped as they lie in the file");

namespace trm {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);

[[noreturn]] void bad_file(const std::filesystem::path& path, const std::string& what) {
  throw DataError(quoted(path) + " cannot be used: " + what);
}

/// Bytes of one element; throws for whatever is not a little-endian integer.
uint64_t element_bytes(const std::filesystem::path& path, const std::string& descr) {
  static constexpr std::array<std::string_view, 12> known = {"|u1", "|i1", "<u1", "<i1", "<u2", "<i2",
                                                             "<u4", "<i4", "<u8", "<i8", "u1",  "i1"};
  for (const std::string_view type : known) {
    if (descr == type) return static_cast<uint64_t>(type.back() - '0');
  }
  if (descr.starts_with('>'))
    bad_file(path, "its dtype '" + printable(descr) + "' is big-endian; save it with little-endian");
  bad_file(path, "its dtype is '" + printable(descr) + "'; an integer dtype such as uint8, int32 or int64 is needed");
}

template <class T>
void widen(const unsigned char* from, std::span<int64_t> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    out[i] = static_cast<int64_t>(value);
  }
}

/// Magic, version, length and text, padded to at least `bytes` and to a multiple of 64.
std::string header_of(const std::vector<uint64_t>& shape, NpyType type, size_t bytes = 0) {
  std::string text = "{'descr': '";
  text += type == NpyType::uint8 ? "|u1" : type == NpyType::float32 ? "<f4" : "<i4";
  text += "', 'fortran_order': False, 'shape': (";
  for (const uint64_t extent : shape) text += std::to_string(extent) + ", ";
  if (shape.size() > 1) text.resize(text.size() - 2);
  if (shape.size() == 1) text.resize(text.size() - 1);
  text += "), }";
  const size_t whole = std::max((10 + text.size() + 1 + 63) / 64 * 64, bytes);
  text.append(whole - (10 + text.size() + 1), ' ');
  text += '\n';
  std::string header(kMagic);
  header += {1, 0, static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

}  // namespace

NpyArray NpyArray::open(const std::filesystem::path& path) {
  const MappedFile file = map_file(path);
  const unsigned char* bytes = file.bytes.get();
  if (file.size < kMagic.size() || std::memcmp(bytes, kMagic.data(), kMagic.size()) != 0) {
    bad_file(path, "it is not a .npy file (its first bytes are not \\x93NUMPY)");
  }
  if (file.size < 12) bad_file(path, "it is truncated within its header");
  const unsigned major = bytes[6];
  if (major < 1 || major > 3) bad_file(path, "its .npy format version " + std::to_string(major) + " is unknown");
  const uint64_t length_at = 8;
  const uint64_t header_at = major == 1 ? 10 : 12;
  uint64_t header_length = bytes[length_at] | bytes[length_at + 1] << 8;
  if (major > 1) header_length |= static_cast<uint64_t>(bytes[10]) << 16 | static_cast<uint64_t>(bytes[11]) << 24;
  if (header_at + header_length > file.size) bad_file(path, "it is truncated within its header");

  NpyHeader header;
  try {
    header = parse_npy_header({reinterpret_cast<const char*>(bytes) + header_at, header_length});
  } catch (const std::invalid_argument& error) {
    bad_file(path, error.what());
  }
  const uint64_t width = element_bytes(path, header.descr);
  if (header.fortran_order && header.shape.size() > 1) {
    bad_file(path, "it is in Fortran order; save it in C order (numpy.ascontiguousarray)");
  }
  uint64_t size = 1;
  for (const uint64_t extent : header.shape) {
    if (extent != 0 && size > std::numeric_limits<uint64_t>::max() / 8 / extent)
      bad_file(path, "its shape is impossible");
    size *= extent;
  }
  const uint64_t data_at = header_at + header_length;
  if (file.size - data_at < size * width) {
    bad_file(path, "it is truncated: " + std::to_string(size * width) + " bytes of data are announced, " +
                       std::to_string(file.size - data_at) + " are there");
  }

  NpyArray array;
  array.path_ = path;
  array.dtype_ = header.descr;
  array.shape_ = header.shape;
  array.size_ = size;
  array.data_ = std::shared_ptr<const unsigned char>(file.bytes, bytes + data_at);
  return array;
}

void NpyArray::read(uint64_t first, std::span<int64_t> out) const {
  if (first > size_ || out.size() > size_ - first) {
    throw DataError(quoted(path_) + ": elements " + std::to_string(first) + "…" + std::to_string(first + out.size()) +
                    " asked for, it has " + std::to_string(size_));
  }
  const bool is_signed = dtype_.find('i') != std::string::npos;
  const int width = dtype_.back() - '0';
  const unsigned char* from = data_.get() + first * static_cast<uint64_t>(width);
  switch (width) {
    case 1:
      return is_signed ? widen<int8_t>(from, out) : widen<uint8_t>(from, out);
    case 2:
      return is_signed ? widen<int16_t>(from, out) : widen<uint16_t>(from, out);
    case 4:
      return is_signed ? widen<int32_t>(from, out) : widen<uint32_t>(from, out);
    default:
      return is_signed ? widen<int64_t>(from, out) : widen<uint64_t>(from, out);
  }
}

std::vector<int64_t> NpyArray::read_all() const {
  std::vector<int64_t> values(size_);
  read(0, values);
  return values;
}

NpyWriter::NpyWriter(const std::filesystem::path& path, const std::vector<uint64_t>& shape, NpyType type)
    : path_(path),
      file_(std::fopen(path.c_str(), "wb"), &std::fclose),
      shape_(shape),
      type_(type),
      header_(header_of(shape, type)) {
  if (!file_) fail(std::strerror(errno));
  write(header_.data(), header_.size());
}

void NpyWriter::append(std::span<const int32_t> values) {
  append_raw(values.data(), values.size(), sizeof(int32_t), NpyType::int32);
}

void NpyWriter::append(std::span<const uint8_t> values) { append_raw(values.data(), values.size(), 1, NpyType::uint8); }

void NpyWriter::append(std::span<const float> values) {
  append_raw(values.data(), values.size(), sizeof(float), NpyType::float32);
}

void NpyWriter::append_raw(const void* values, size_t count, size_t width, NpyType type) {
  if (type != type_) throw std::logic_error("NpyWriter: values of another type than the array's");
  if (count > 0) write(values, count * width);
  written_ += count;
}

void NpyWriter::write(const void* bytes, size_t count) {
  if (std::fwrite(bytes, 1, count, file_.get()) != count) fail(std::strerror(errno));
}

void NpyWriter::finish() {
  uint64_t row = 1, expected = 1;
  for (size_t i = 1; i < shape_.size(); ++i) row *= shape_[i];
  if (shape_[0] == npy_as_many_as_come) {
    shape_[0] = row == 0 ? 0 : written_ / row;
    if (std::fseek(file_.get(), 0, SEEK_SET) != 0) fail(std::strerror(errno));
    const std::string header = header_of(shape_, type_, header_.size());
    write(header.data(), header.size());
  }
  for (const uint64_t extent : shape_) expected *= extent;
  if (written_ != expected) {
    fail(std::to_string(written_) + " elements for a shape of " + std::to_string(expected));
  }
  if (std::fclose(file_.release()) != 0) fail(std::strerror(errno));
}

void NpyWriter::fail(const std::string& what) const { throw DataError("cannot write " + quoted(path_) + ": " + what); }

void write_npy(const std::filesystem::path& path, std::span<const int32_t> values) {
  NpyWriter writer(path, {values.size()});
  writer.append(values);
  writer.finish();
}

}  // namespace trm
