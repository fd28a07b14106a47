#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace trm {

/// Sizes of up to six axes, slowest first.
class Shape {
 public:
  static constexpr int max_rank = 6;
  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) {
    for (int64_t size : sizes) push_back(size);
  }

  int rank() const { return rank_; }
  /// Size of an axis; negative axes count from the last.
  int64_t operator[](int axis) const { return sizes_[axis < 0 ? axis + rank_ : axis]; }
  int64_t& operator[](int axis) { return sizes_[axis < 0 ? axis + rank_ : axis]; }
  void push_back(int64_t size);
  /// Number of elements; 1 for rank 0.
  int64_t elements() const {
    int64_t count = 1;
    for (int i = 0; i < rank_; ++i) count *= sizes_[i];
    return count;
  }
  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<int64_t, max_rank> sizes_{};
  int rank_ = 0;
};

/// "[2, 97, 512]"
std::string to_string(const Shape& shape);

}  // namespace trm
