#include <cmath>
#include <vector>

#include "device/kernels.h"
#include "device/ops.h"
#include "device/ops/check.h"

namespace trm::ops {
namespace {

void check_qkv(const char* op, const Tensor& qkv, int heads, int rank) {
  check::activation(op, "qkv", qkv, rank);
  check::require(op, heads > 0 && qkv.size(-1) % (3 * heads) == 0,
                 "the last axis of qkv must be 3 · " + std::to_string(heads) + " heads · head_dim, got " + describe(qkv));
}

void check_tables(const char* op, const RopeTables& tables, const Tensor& qkv, int heads) {
  check::require(op, tables.cos.rank() == 2 && tables.cos.size(1) * 6 * heads == qkv.size(-1) && tables.cos.size(0) >= qkv.size(-2),
                 "tables " + describe(tables.cos) + " do not cover qkv " + describe(qkv));
  check::shape(op, "cos", tables.cos, DType::float32, tables.cos.shape());
  check::shape(op, "sin", tables.sin, DType::float32, tables.cos.shape());
}

}  // namespace

RopeTables make_rope_tables(int64_t positions, int head_dim, double theta, Device device) {
  check::require("rope", head_dim > 0 && head_dim % 2 == 0, "head_dim must be even, got " + std::to_string(head_dim));
  const int64_t half = head_dim / 2;
  std::vector<float> cos, sin;
  cos.reserve(positions * half);
  sin.reserve(positions * half);
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t i = 0; i < half; ++i) {
      // float32 as in the reference: inverse frequency, then the angle
      const float angle = static_cast<float>(p) * static_cast<float>(std::pow(theta, -2.0 * static_cast<double>(i) / head_dim));
      cos.push_back(std::cos(angle));
      sin.push_back(std::sin(angle));
    }
  return {Tensor::from(cos, {positions, half}, device), Tensor::from(sin, {positions, half}, device)};
}

void rope(Tensor& qkv, const RopeTables& tables, int heads, const Tensor* offsets, bool inverse) {
  check_qkv("rope", qkv, heads, qkv.rank() == 2 ? 2 : 3);
  check_tables("rope", tables, qkv, heads);
  Tensor batched = qkv.rank() == 3 ? qkv : qkv.reshape({1, qkv.size(0), qkv.size(1)});
  if (offsets) check::shape("rope", "offsets", *offsets, DType::int32, {batched.size(0)});
  kernels::rope(batched, tables.cos, tables.sin, offsets, heads, inverse);
}

Tensor linear_rope(const Tensor& x, const Weight& w, const RopeTables& tables, int heads) {
  const char* op = "linear_rope";
  check::activation(op, "x", x, 3);
  check::activation(op, "w", w.value, 2);
  check::same_dtype(op, x, w.value);
  check::require(op, !w.token && x.size(2) == w.in(), "x " + describe(x) + " does not fit the weight " + describe(w.value));
  check::require(op, heads > 0 && w.out() % (3 * heads) == 0, "the weight must have 3 · " + std::to_string(heads) + " heads · head_dim rows, got " + describe(w.value));
  Tensor qkv = Tensor::empty({x.size(0), x.size(1), w.out()}, x.dtype(), x.device());
  check_tables(op, tables, qkv, heads);
  const auto& fused = kernels::linear_rope;
  if (!fused.why_not(x.device().kind, x, w, tables.cos, tables.sin, heads, qkv)) {
    fused(x, w, tables.cos, tables.sin, heads, qkv);
    return qkv;
  }
  Tensor rows = check::as_matrix(qkv);
  kernels::linear(check::as_matrix(x), w, rows);
  rope(qkv, tables, heads);
  return qkv;
}

Tensor attention(const Tensor& qkv, int heads, bool causal, Tensor* lse) {
  check_qkv("attention", qkv, heads, 3);
  Tensor out = Tensor::empty({qkv.size(0), qkv.size(1), qkv.size(2) / 3}, qkv.dtype(), qkv.device());
  if (lse) *lse = Tensor::empty({qkv.size(0), heads, qkv.size(1)}, DType::float32, qkv.device());
  kernels::attention(qkv, heads, causal, out, lse);
  return out;
}

Tensor attention_backward(const Tensor& dout, const Tensor& qkv, const Tensor& out, const Tensor& lse, int heads, bool causal, const RopeTables* tables) {
  check_qkv("attention_backward", qkv, heads, 3);
  const Shape expected{qkv.size(0), qkv.size(1), qkv.size(2) / 3};
  check::shape("attention_backward", "dout", dout, qkv.dtype(), expected);
  check::shape("attention_backward", "out", out, qkv.dtype(), expected);
  check::shape("attention_backward", "lse", lse, DType::float32, {qkv.size(0), heads, qkv.size(1)});
  Tensor dqkv = Tensor::empty(qkv.shape(), qkv.dtype(), qkv.device());
  if (tables) {
    check_tables("attention_backward", *tables, qkv, heads);
    const auto& fused = kernels::attention_rope_backward;
    if (!fused.why_not(qkv.device().kind, dout, qkv, out, lse, tables->cos, tables->sin, heads, causal, dqkv)) {
      fused(dout, qkv, out, lse, tables->cos, tables->sin, heads, causal, dqkv);
      return dqkv;
    }
  }
  kernels::attention_backward(dout, qkv, out, lse, heads, causal, dqkv);
  if (tables) rope(dqkv, *tables, heads, nullptr, true);
  return dqkv;
}

Tensor attention_cached(const Tensor& qkv, const Tensor& slots, const Tensor& positions, int heads, Tensor& k_cache, Tensor& v_cache) {
  const char* op = "attention_cached";
  check_qkv(op, qkv, heads, 3);
  check::shape(op, "slots", slots, DType::int32, {qkv.size(0)});
  check::shape(op, "positions", positions, DType::int32, {qkv.size(0)});
  check::require(op, k_cache.rank() == 3 && k_cache.size(1) >= qkv.size(1), "the window " + describe(k_cache) + " is smaller than " + describe(qkv));
  check::shape(op, "k_cache", k_cache, qkv.dtype(), {k_cache.size(0), k_cache.size(1), qkv.size(2) / 3});
  check::shape(op, "v_cache", v_cache, qkv.dtype(), k_cache.shape());
  Tensor out = Tensor::empty({qkv.size(0), qkv.size(1), qkv.size(2) / 3}, qkv.dtype(), qkv.device());
  kernels::attention_cached(qkv, slots, positions, heads, k_cache, v_cache, out);
  return out;
}

}  // namespace trm::ops
