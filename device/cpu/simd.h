#pragma once
// Instruction sets that *_loops.cpp are compiled for; see CMakeLists.txt here for how to add such a source.

namespace trm::cpu {

enum class Simd { generic, avx2, avx512, avx512bf16 };

/// The best of this CPU; the environment variable TRM_CPU_SIMD (generic, avx2, avx512, avx512bf16) may lower it. Throws
/// DeviceError for another name.
Simd simd_level();

}  // namespace trm::cpu

/// Declares `name()`: the table of type `Type` that was compiled for this CPU. To be used inside namespace trm::cpu.
#if defined(__x86_64__)
#define TRM_SIMD_TABLE(Type, name)             \
  namespace generic {                          \
  extern const Type name;                      \
  }                                            \
  namespace avx2 {                             \
  extern const Type name;                      \
  }                                            \
  namespace avx512 {                           \
  extern const Type name;                      \
  }                                            \
  namespace avx512bf16 {                       \
  extern const Type name;                      \
  }                                            \
  [[maybe_unused]] static const Type& name() { \
    switch (simd_level()) {                    \
      case Simd::avx512bf16:                   \
        return avx512bf16::name;               \
      case Simd::avx512:                       \
        return avx512::name;                   \
      case Simd::avx2:                         \
        return avx2::name;                     \
      default:                                 \
        return generic::name;                  \
    }                                          \
  }
#else
#define TRM_SIMD_TABLE(Type, name) \
  namespace generic {              \
  extern const Type name;          \
  }                                \
  [[maybe_unused]] static const Type& name() { return generic::name; }
#endif
