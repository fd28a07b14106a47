#pragma once
#include <string>

#include "device/errors.h"
#include "device/tensor.h"

namespace trm::ops::check {

[[noreturn]] inline void fail(const char* op, const std::string& what) { throw DeviceError(std::string(op) + ": " + what); }

inline void activation(const char* op, const char* name, const Tensor& t, int rank = -1) {
  if (!t) fail(op, std::string(name) + " is undefined");
  if (t.dtype() != DType::float32 && t.dtype() != DType::bfloat16) fail(op, std::string(name) + " must be float32 or bfloat16, got " + describe(t));
  if (rank >= 0 && t.rank() != rank) fail(op, std::string(name) + " must have " + std::to_string(rank) + " axes, got " + describe(t));
}

inline void same_dtype(const char* op, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) fail(op, "dtypes differ: " + describe(a) + " and " + describe(b));
}

inline void shape(const char* op, const char* name, const Tensor& t, DType dtype, const Shape& expected) {
  if (!t || t.dtype() != dtype || !(t.shape() == expected))
    fail(op, std::string(name) + " must be " + name_of(dtype) + " " + to_string(expected) + ", got " + describe(t));
}

inline void require(const char* op, bool holds, const std::string& what) {
  if (!holds) fail(op, what);
}

/// `shape` with its last axis replaced.
inline Shape with_last(Shape shape, int64_t size) {
  shape[-1] = size;
  return shape;
}

/// [..., K] as [M, K].
inline Tensor as_matrix(const Tensor& t) {
  const int64_t columns = t.size(-1);
  return t.reshape({columns ? t.elements() / columns : 0, columns});
}

}  // namespace trm::ops::check
