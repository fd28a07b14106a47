// Newton-Schulz of all matrices of one shape at once: bfloat16 in batched products, sums in float32. A wide X is
// multiplied from the left, a tall one from the right, so that nothing is transposed in memory.
#include <utility>

#include "device/cuda/device_math.cuh"
#include "device/cuda/product.h"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256, parts = 64;

/// Blocks (part, matrix): sums of squares of a fixed stride.
__global__ void squares_kernel(const float* u, const int64_t* offsets, int64_t n, float* sums) {
  __shared__ float shared[threads / warp_size];
  const float* matrix = u + offsets[blockIdx.y];
  float sum = 0;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{parts} * threads)
    sum += matrix[i] * matrix[i];
  sum = block_sum(sum, shared);
  if (threadIdx.x == 0) sums[blockIdx.y * parts + blockIdx.x] = sum;
}

/// Blocks (any, matrix): x [rows, ld] = bfloat16(u) / max(norm, 1e-7).
__global__ void scale_kernel(const float* u, const int64_t* offsets, const float* sums, int64_t columns, int64_t ld,
                             int64_t n, int64_t stride, __nv_bfloat16* x) {
  __shared__ float shared[threads / warp_size];
  const float square = block_sum(threadIdx.x < parts ? sums[blockIdx.y * parts + threadIdx.x] : 0.0f, shared);
  const float norm = fmaxf(sqrtf(square), 1e-7f);
  const float* matrix = u + offsets[blockIdx.y];
  __nv_bfloat16* to = x + blockIdx.y * stride;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads)
    to[i / columns * ld + i % columns] = __float2bfloat16_rn(__bfloat162float(__float2bfloat16_rn(matrix[i])) / norm);
}

/// Back to where it came from, times a factor.
__global__ void return_kernel(const __nv_bfloat16* x, const int64_t* offsets, float factor, int64_t columns, int64_t ld,
                              int64_t n, int64_t stride, float* u) {
  float* matrix = u + offsets[blockIdx.y];
  const __nv_bfloat16* from = x + blockIdx.y * stride;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads)
    matrix[i] = factor * __bfloat162float(from[i / columns * ld + i % columns]);
}

/// Rows of so many elements begin at multiples of 16 bytes.
int64_t padded(int64_t columns) { return (columns + 7) / 8 * 8; }

void newton_schulz(const Tensor& offsets, int64_t rows, int64_t columns, NewtonSchulz s, float scale, Tensor& u) {
  constexpr const char* op = "newton_schulz";
  const int64_t count = offsets.elements(), n = rows * columns, k = std::min(rows, columns);
  if (count == 0 || n == 0) return;
  if (count > 65535) throw DeviceError("newton_schulz: more than 65535 matrices of one shape");
  const bool tall = rows > columns;
  Context& context = context_of(u);
  const int64_t ld = padded(columns), kd = padded(k), stride = rows * ld, square = k * kd;
  const auto scratch = [&](const Shape& shape) { return Tensor::empty(shape, DType::bfloat16, u.device()); };
  Tensor x = scratch({count, rows, ld}), next = scratch({count, rows, ld});
  const Tensor a = scratch({count, k, kd}), b = scratch({count, k, kd}),
               sums = Tensor::empty({count, parts}, DType::float32, u.device());
  const dim3 grid(blocks_for(n, threads, 4 * context.multiprocessors), static_cast<unsigned>(count));
  squares_kernel<<<dim3(parts, static_cast<unsigned>(count)), threads, 0, context.stream>>>(
      elements<float>(u), elements<int64_t>(offsets), n, elements<float>(sums));
  scale_kernel<<<grid, threads, 0, context.stream>>>(elements<float>(u), elements<int64_t>(offsets),
                                                     elements<float>(sums), columns, ld, n, stride,
                                                     elements<__nv_bfloat16>(x));
  launched(op);
  Product product{.batch = count, .in_dtype = DType::bfloat16, .out_dtype = DType::bfloat16};
  for (int step = 0; step < s.steps; ++step) {
    const Operand wide{x.address(), ld, false, stride}, flipped{x.address(), ld, true, stride},
        first{a.address(), kd, false, square}, second{b.address(), kd, false, square};
    Product gram = product;  // A = X Xᵀ, or Xᵀ X
    gram.m = gram.n = k;
    gram.k = tall ? rows : columns;
    gram.a = tall ? flipped : wide;
    gram.b = tall ? wide : flipped;
    gram.out = a.address();
    gram.out_ld = kd;
    gram.out_stride = square;
    multiply(context, op, gram);
    Product polynomial = product;  // B = c A A + b A
    polynomial.m = polynomial.n = polynomial.k = k;
    polynomial.a = polynomial.b = first;
    polynomial.out = b.address();
    polynomial.out_ld = kd;
    polynomial.out_stride = square;
    polynomial.added = a.address();
    polynomial.factor = s.c;
    polynomial.added_factor = s.b;
    multiply(context, op, polynomial);
    Product update = product;  // B X + a X, or X B + a X
    update.m = rows;
    update.n = columns;
    update.k = k;
    update.a = tall ? wide : second;
    update.b = tall ? second : wide;
    update.out = next.address();
    update.out_ld = ld;
    update.out_stride = stride;
    update.added = x.address();
    update.added_factor = s.a;
    multiply(context, op, update);
    std::swap(x, next);
  }
  return_kernel<<<grid, threads, 0, context.stream>>>(elements<__nv_bfloat16>(x), elements<int64_t>(offsets), scale,
                                                      columns, ld, n, stride, elements<float>(u));
  launched(op);
}

}  // namespace

const Registration registration([] { kernels::newton_schulz.set(DeviceKind::cuda, newton_schulz); });

}  // namespace trm::cuda
