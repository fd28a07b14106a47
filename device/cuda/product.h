#pragma once
#include <cstdint>

#include "device/cuda/context.h"
#include "device/dtype.h"

namespace trm::cuda {

/// A row-major matrix operand. `transposed`: the product uses its transpose. `stride`: elements between the matrices of
/// a batch, 0 for one that is shared.
struct Operand {
  const void* data = nullptr;
  int64_t ld = 0;
  bool transposed = false;
  int64_t stride = 0;
};

/// out [m, n] = factor · a [m, k] b [k, n] + added_factor · added, `batch` times; float32 accumulation (float32 operands: true
/// float32, no TF32).
struct Product {
  int64_t m = 0, n = 0, k = 0, batch = 1;
  Operand a, b;
  void* out = nullptr;
  int64_t out_ld = 0, out_stride = 0;
  const void* added = nullptr;  // like out, which it may be; null: nothing is added
  float factor = 1, added_factor = 1;
  DType in_dtype = DType::float32, out_dtype = DType::float32;
};

/// Through cuBLASLt; the choice of algorithm is made once per shape. Deterministic. Throws DeviceError.
void multiply(Context& context, const char* op, const Product& product);

}  // namespace trm::cuda
