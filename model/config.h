#pragma once
#include <cstdint>
#include <string>

#include "arch/architecture.h"
#include "device/dtype.h"
#include "device/op_types.h"

namespace trm {

enum class PositionEncoding : uint8_t { rope, learned, none };
/// Which position the q head reads: 0, or the last one whose input is not padding (what a causal model needs).
enum class QPosition : uint8_t { first, last };
/// What a model is, with everything that the data decides.
struct ModelConfig : Architecture {
  PositionEncoding pos_encodings = PositionEncoding::rope;
  QPosition q_position = QPosition::first;
  LossKind loss = LossKind::stablemax;
  DType forward_dtype = DType::bfloat16;

  int seq_len = 0, vocab_size = 0, num_puzzle_identifiers = 1, pad_id = 0;

  int positions() const { return seq_len + prefix(); }

  /// Throws std::invalid_argument naming the key, its value and what it takes.
  void validate() const;
};

/// Trained values of such a model, without the puzzle table.
int64_t parameter_count(const ModelConfig& config);

/// inter of SwiGLU(d): the next multiple of 256 at or above round(expansion · d · 2/3).
int64_t swiglu_width(double expansion, int64_t d);

}  // namespace trm
