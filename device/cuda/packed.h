#pragma once
#include "device/backend.h"
#include "device/cuda/context.h"
#include "device/weight.h"

namespace trm::cuda {

// The forms of a bfloat16 weight that the matrix kernels read. Every form starts at a multiple of 256 bytes.
//   padded       token weights: w [O, K] with rows of ld = K rounded up to 8, zeros behind: aligned rows where N is
//   odd
//   interleaved  gate-up weights on Hopper: 8 gate rows, their 8 up rows, and so on, so that one thread of a tile holds
//   both halves of a SwiGLU.
//                Token weights have rows of 64 or 128 with zeros behind, the others rows of K
//   transposed   Wᵀ [K, O], on Hopper, for products with dy
struct PackedLayout {
  size_t bytes = 0;
  size_t padded = 0, interleaved = 0;  // offsets
  int64_t padded_ld = 0, interleaved_ld = 0;
  bool has_padded = false, has_interleaved = false;
};
PackedLayout forward_layout(const Context& context, int64_t out, int64_t in, DType dtype, bool token);

struct PackedBackwardLayout {
  size_t bytes = 0;
  size_t transposed = 0;
  int64_t transposed_ld = 0;
  bool has_transposed = false;
};
PackedBackwardLayout backward_layout(const Context& context, int64_t out, int64_t in, DType dtype, bool token);

Backend::PackedBytes packed_sizes(const Context& context, int64_t out, int64_t in, DType dtype, bool token);

/// A matrix [rows, columns] in memory, rows `ld` elements apart.
struct View {
  const void* data = nullptr;
  int64_t ld = 0;
  explicit operator bool() const { return data != nullptr; }
};
/// The weight as its value, or its padded form where there is one.
View plain(const Context& context, const Weight& w);
/// Undefined where the weight was not packed.
View interleaved(const Context& context, const Weight& w);
View transposed(const Context& context, const Weight& w);

}  // namespace trm::cuda
