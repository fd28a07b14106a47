#pragma once
#include "device/backend.h"

namespace trm::cpu {

/// The cpu as a platform of one device.
Platform* platform();

/// Bytes that pack_weight writes (see Backend::packed_bytes).
Backend::PackedBytes packed_bytes(int64_t out, int64_t in, DType dtype, bool token);

/// True where the CPU has bfloat16 dot products (AVX512_BF16 or AMX): bfloat16 is then faster than float32.
bool has_bfloat16_instructions();

}  // namespace trm::cpu
