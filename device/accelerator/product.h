#pragma once
#include <cstdint>

#include "device/accelerator/launch.h"

namespace trm::accelerator {

/// A row-major float32 matrix. `transposed`: the product uses its transpose. Matrix z of a batch begins (z / per) ·
/// outer + (z % per) · stride elements on, with `per` of the product.
struct Operand {
  Place at;
  int64_t ld = 0;
  bool transposed = false;
  int64_t stride = 0, outer = 0;
};

/// out [m, n] = a [m, k] b [k, n] (+ out), for each matrix of a batch.
struct Product {
  int64_t m = 0, n = 0, k = 0;
  Operand a, b, out;
  bool accumulate = false;
  int64_t batch = 1, per = 0;  // per 0: `outer` is not used
};

/// On a GPU through CLBlast where it is built in and the strides allow, else through product.cl; on a CPU through
/// product_cpu.cl. Deterministic.
void multiply(Context& context, const char* op, const Product& product);

/// out += Σ of `count` products of k / count rows each, for products that are long and small: they run side by side and
/// their results are added in order. a and b are transposed / plain [k, m] and [k, n].
void multiply_long(Context& context, const char* op, const Product& product);

/// out [n] += Σ_p parts [count, n]
void add_parts(Context& context, const char* op, const Tensor& parts, int64_t count, int64_t n, const Place& out);

/// False where CLBlast cannot take it. Only in builds with CLBlast.
bool multiply_clblast(Context& context, const char* op, const Product& product);

}  // namespace trm::accelerator
