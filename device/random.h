#pragma once
#include <array>
#include <cmath>
#include <cstdint>

#if defined(__CUDACC__)
#define TRM_HOST_DEVICE __host__ __device__
#else
#define TRM_HOST_DEVICE
#endif

namespace trm {

/// What a stream of random numbers is drawn for; part of its key, so that streams never overlap.
enum class RandomPurpose : uint32_t { weights = 1, halting = 2, sampling = 3, test = 5, noise = 6 };

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four 32-bit numbers that are a pure function of
/// key and counter, the same on every device.
TRM_HOST_DEVICE inline std::array<uint32_t, 4> philox(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0, p1 = uint64_t{0xCD9E8D57u} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0, n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {c0, c1, c2, c3};
}

/// Four numbers for (seed, purpose, step, index).
TRM_HOST_DEVICE inline std::array<uint32_t, 4> random_numbers(uint64_t seed, RandomPurpose purpose, uint64_t step, uint32_t index) {
  return philox(seed, index, static_cast<uint32_t>(purpose), static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32));
}

/// Uniform in [0, 1) with 24 bits.
TRM_HOST_DEVICE inline float uniform(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

/// Four numbers of a standard normal: Box and Muller's transform (1958) of two pairs.
struct Normals {
  float value[4];
};
TRM_HOST_DEVICE inline Normals normal_numbers(uint64_t seed, RandomPurpose purpose, uint64_t step, uint32_t index) {
  const auto bits = random_numbers(seed, purpose, step, index);
  Normals normals;
  for (int pair = 0; pair < 4; pair += 2) {
    const float radius = sqrtf(-2.0f * logf(static_cast<float>((bits[pair] >> 8) + 1) * 0x1p-24f));  // of (0, 1]
    const float angle = 6.2831853f * uniform(bits[pair + 1]);
    normals.value[pair] = radius * cosf(angle);
    normals.value[pair + 1] = radius * sinf(angle);
  }
  return normals;
}

}  // namespace trm
