#pragma once
#include <cstdint>
#include <string>

#include "device/errors.h"
#include "device/tensor.h"

namespace trm::cpu {

inline constexpr int32_t ignored_label = -100;

/// Throws where a label is neither -100 nor a token of the vocabulary.
inline void require_labels(const char* op, const Tensor& labels, int64_t vocabulary) {
  const int32_t* label = labels.data<int32_t>();
  for (int64_t i = 0; i < labels.elements(); ++i)
    if (label[i] != ignored_label && (label[i] < 0 || label[i] >= vocabulary))
      throw DeviceError(std::string(op) + ": label " + std::to_string(label[i]) +
                        " is neither -100 (ignored) nor a token, 0 to " + std::to_string(vocabulary - 1));
}

}  // namespace trm::cpu
