#include "device/cuda/product.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <string>

#include "device/cuda/check.h"
#include "device/errors.h"

namespace trm::cuda {
namespace {

constexpr int64_t most_batch = 32768;  // kernels of cuBLASLt put the batch on an axis of the grid that ends at 65535

/// Power of two up to 16 that divides an address.
int64_t alignment_of(const void* address) {
  const auto value = reinterpret_cast<uintptr_t>(address) | 16;
  return static_cast<int64_t>(value & (~value + 1));
}

struct Descriptors {
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, out = nullptr;
  cublasLtMatmulAlgo_t algorithm{};
};

using Key = std::array<int64_t, 20>;

Key key_of(const Context& context, const Product& p) {
  return {context.index,
          p.m,
          p.n,
          p.k,
          p.batch,
          p.a.ld,
          p.a.transposed,
          p.a.stride,
          p.b.ld,
          p.b.transposed,
          p.b.stride,
          p.out_ld,
          p.out_stride,
          p.added != nullptr,
          static_cast<int64_t>(p.in_dtype),
          static_cast<int64_t>(p.out_dtype),
          alignment_of(p.a.data),
          alignment_of(p.b.data),
          alignment_of(p.out),
          p.added == p.out};
}

cudaDataType_t type_of(DType dtype) { return dtype == DType::bfloat16 ? CUDA_R_16BF : CUDA_R_32F; }

/// cuBLASLt is column-major: a row-major matrix [rows, columns] is its [columns, rows].
cublasLtMatrixLayout_t make_layout(DType dtype, int64_t rows, int64_t columns, int64_t ld, int64_t batch,
                                   int64_t stride) {
  cublasLtMatrixLayout_t layout = nullptr;
  TRM_CUDA(cublasLtMatrixLayoutCreate(&layout, type_of(dtype), static_cast<uint64_t>(columns),
                                      static_cast<uint64_t>(rows), ld));
  if (batch > 1) {
    const auto count = static_cast<int32_t>(batch);
    TRM_CUDA(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count)));
    TRM_CUDA(
        cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof(stride)));
  }
  return layout;
}

void choose_algorithm(const Context& context, const char* op, const Product& p, Descriptors& d) {
  cublasLtMatmulPreference_t preference = nullptr;
  TRM_CUDA(cublasLtMatmulPreferenceCreate(&preference));
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    TRM_CUDA(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof(value)));
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<uint64_t>(context.workspace_bytes));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<uint32_t>(alignment_of(p.b.data)));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<uint32_t>(alignment_of(p.a.data)));
  const auto out_alignment = static_cast<uint32_t>(std::min(alignment_of(p.out), alignment_of(p.added)));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, out_alignment);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, out_alignment);
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(context.blas, d.operation, d.b, d.a, d.out, d.out, preference, 1, &found, &count);
  (void)cublasLtMatmulPreferenceDestroy(preference);
  if (status != CUBLAS_STATUS_SUCCESS || count == 0)
    throw DeviceError(std::string(op) + ": cuBLASLt has no kernel for a product of " + std::to_string(p.m) + " x " +
                      std::to_string(p.n) + " x " + std::to_string(p.k) + " in " + name_of(p.in_dtype) + " (" +
                      cublasLtGetStatusString(status) + ")");
  d.algorithm = found.algo;
}

Descriptors describe_product(const Context& context, const char* op, const Product& p) {
  Descriptors d;
  TRM_CUDA(cublasLtMatmulDescCreate(&d.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  // outᵀ [n, m] = bᵀ [n, k] aᵀ [k, m]: cuBLASLt's first operand is b
  const cublasOperation_t first = p.b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                          second = p.a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  TRM_CUDA(cublasLtMatmulDescSetAttribute(d.operation, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof(first)));
  TRM_CUDA(cublasLtMatmulDescSetAttribute(d.operation, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof(second)));
  d.a = make_layout(p.in_dtype, p.a.transposed ? p.k : p.m, p.a.transposed ? p.m : p.k, p.a.ld, p.batch, p.a.stride);
  d.b = make_layout(p.in_dtype, p.b.transposed ? p.n : p.k, p.b.transposed ? p.k : p.n, p.b.ld, p.batch, p.b.stride);
  d.out = make_layout(p.out_dtype, p.m, p.n, p.out_ld, p.batch, p.out_stride);
  choose_algorithm(context, op, p, d);
  return d;
}

/// The matrices of a batch from `first` on, at most most_batch.
Product part_of(const Product& p, int64_t first) {
  const auto in = static_cast<int64_t>(size_of(p.in_dtype)), out = static_cast<int64_t>(size_of(p.out_dtype));
  Product part = p;
  part.batch = std::min(most_batch, p.batch - first);
  part.a.data = static_cast<const char*>(p.a.data) + first * p.a.stride * in;
  part.b.data = static_cast<const char*>(p.b.data) + first * p.b.stride * in;
  part.out = static_cast<char*>(p.out) + first * p.out_stride * out;
  if (p.added) part.added = static_cast<const char*>(p.added) + first * p.out_stride * out;
  return part;
}

}  // namespace

void multiply(Context& context, const char* op, const Product& p) {
  if (p.m == 0 || p.n == 0 || p.batch == 0) return;
  if (p.batch > most_batch) {
    for (int64_t first = 0; first < p.batch; first += most_batch) multiply(context, op, part_of(p, first));
    return;
  }
  static std::mutex mutex;
  static auto* known = new std::map<Key, Descriptors>;
  const Descriptors* d;
  {
    const std::lock_guard lock(mutex);
    const Key key = key_of(context, p);
    auto found = known->find(key);
    if (found == known->end()) found = known->emplace(key, describe_product(context, op, p)).first;
    d = &found->second;
  }
  const float beta = p.added ? p.added_factor : 0.0f;
  check(
      cublasLtMatmul(context.blas, d->operation, &p.factor, p.b.data, d->b, p.a.data, d->a, &beta, p.added ? p.added : p.out,
                     d->out, p.out, d->out, &d->algorithm, context.workspace, context.workspace_bytes, context.stream),
      op);
}

}  // namespace trm::cuda
