#include "device/cpu/simd.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "device/errors.h"

namespace trm::cpu {
namespace {

Simd of_this_cpu() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (avx512) return __builtin_cpu_supports("avx512bf16") ? Simd::avx512bf16 : Simd::avx512;
  if (avx2) return Simd::avx2;
#endif
  return Simd::generic;
}

Simd chosen() {
  const char* wanted = std::getenv("TRM_CPU_SIMD");
  if (!wanted || !*wanted) return of_this_cpu();
  const std::string name = wanted;
  const std::string names[] = {"generic", "avx2", "avx512", "avx512bf16"};
  const auto found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names))
    throw DeviceError("TRM_CPU_SIMD is '" + name + "'; it may be generic, avx2, avx512 or avx512bf16");
  return std::min(of_this_cpu(), static_cast<Simd>(found - std::begin(names)));
}

}  // namespace

Simd simd_level() {
  static const Simd level = chosen();
  return level;
}

}  // namespace trm::cpu
