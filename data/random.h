#pragma once
// The generator behind every order and shuffle of the data: the same numbers on every machine and with every library.
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace trm {

/// SplitMix64 (Steele, Lea, Flood 2014): the state is a counter, a draw is its hash. The whole state is one number.
class SplitMix64 {
 public:
  /// One stream for each (seed, stream, substream), such as (seed, epoch, set).
  explicit SplitMix64(uint64_t seed, uint64_t stream = 0, uint64_t substream = 0)
      : state_(mix(mix(mix(seed + kStep) + stream + kStep) + substream + kStep)) {}

  uint64_t next() { return mix(state_ += kStep); }

  /// Uniform over [0, bound), without bias; bound must not be 0.
  uint64_t below(uint64_t bound) {
    const uint64_t reject = (0 - bound) % bound;  // 2^64 mod bound
    uint64_t draw = next();
    while (draw < reject) draw = next();
    return draw % bound;
  }

  /// Fisher–Yates: every order is equally likely.
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

  uint64_t state() const { return state_; }
  void set_state(uint64_t state) { state_ = state; }

 private:
  static constexpr uint64_t kStep = 0x9e3779b97f4a7c15;

  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  uint64_t state_;
};

}  // namespace trm
