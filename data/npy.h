#pragma once
// NumPy's .npy files of integers: memory-mapped reading, streamed writing.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html (versions 1.0, 2.0, 3.0).
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace trm {

/// A read-only view of a file; copies share the mapping. Const members may be called from several threads at once.
class NpyArray {
 public:
  /// Any integer dtype up to 64 bits, little-endian, C order. Throws DataError naming the file and what is wrong with
  /// it.
  static NpyArray open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<uint64_t>& shape() const { return shape_; }
  /// NumPy's name of the element type, such as "<i4".
  const std::string& dtype() const { return dtype_; }
  uint64_t size() const { return size_; }

  /// Elements [first, first + out.size()) in C order, widened. The range must lie within the array.
  void read(uint64_t first, std::span<int64_t> out) const;

  /// All elements: for the small index arrays.
  std::vector<int64_t> read_all() const;

 private:
  std::filesystem::path path_;
  std::string dtype_;
  std::vector<uint64_t> shape_;
  uint64_t size_ = 0;
  std::shared_ptr<const unsigned char> data_;  // the first element, which need not be aligned
};

enum class NpyType : uint8_t { int32, uint8, float32 };

/// A first extent that is told by what is appended.
inline constexpr uint64_t npy_as_many_as_come = ~uint64_t{0};

/// Writes an array piece by piece. Throws DataError naming the file when writing fails.
class NpyWriter {
 public:
  NpyWriter(const std::filesystem::path& path, const std::vector<uint64_t>& shape, NpyType type = NpyType::int32);

  /// Values of the array's type; throws std::logic_error for another one.
  void append(std::span<const int32_t> values);
  void append(std::span<const uint8_t> values);
  void append(std::span<const float> values);

  /// Completes the file; throws if fewer or more elements came than the shape holds.
  void finish();

 private:
  [[noreturn]] void fail(const std::string& what) const;
  void write(const void* bytes, size_t count);
  void append_raw(const void* values, size_t count, size_t width, NpyType type);

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::vector<uint64_t> shape_;
  NpyType type_;
  std::string header_;
  uint64_t written_ = 0;
};

/// A whole one-dimensional array at once.
void write_npy(const std::filesystem::path& path, std::span<const int32_t> values);

}  // namespace trm
