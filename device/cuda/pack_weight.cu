// Fills the forms of device/cuda/packed.h from a weight's value, once per optimizer step.
#include "device/cuda/device_math.cuh"
#include "device/cuda/packed.h"
#include "device/cuda/registration.h"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256, tile = 32;

/// to [to_rows, ld]: to[r, c] = from[source row of r, c], zero behind `columns` and `rows`. interleaved: 8 gate rows, 8
/// up rows, ...
__global__ void copy_rows_kernel(const __nv_bfloat16* from, __nv_bfloat16* to, int64_t rows, int64_t columns,
                                 int64_t to_rows, int64_t ld, bool interleaved) {
  const int64_t n = to_rows * ld;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads) {
    const int64_t r = i / ld, c = i % ld;
    const int64_t source = interleaved ? r / 16 * 8 + r % 8 + (r % 16 < 8 ? 0 : rows / 2) : r;
    to[i] = c < columns && r < rows ? from[source * columns + c] : __nv_bfloat16(0.0f);
  }
}

__global__ void transpose_kernel(const __nv_bfloat16* from, __nv_bfloat16* to, int64_t rows, int64_t columns) {
  __shared__ __nv_bfloat16 part[tile][tile + 2];
  const int64_t column = int64_t{blockIdx.x} * tile, row = int64_t{blockIdx.y} * tile;
  for (int r = threadIdx.y; r < tile; r += blockDim.y)
    if (row + r < rows && column + threadIdx.x < columns)
      part[r][threadIdx.x] = from[(row + r) * columns + column + threadIdx.x];
  __syncthreads();
  for (int c = threadIdx.y; c < tile; c += blockDim.y)
    if (column + c < columns && row + threadIdx.x < rows)
      to[(column + c) * rows + row + threadIdx.x] = part[threadIdx.x][c];
}

void pack_weight(const Tensor& value, Tensor& packed, Tensor& packed_backward, bool token) {
  Context& context = context_of(value);
  const int64_t out = value.size(0), in = value.size(1);
  const auto forward = forward_layout(context, out, in, value.dtype(), token);
  const auto backward = backward_layout(context, out, in, value.dtype(), token);
  const auto* from = elements<__nv_bfloat16>(value);
  const auto copy_rows = [&](size_t offset, int64_t rows, int64_t ld, bool interleaved) {
    auto* to = reinterpret_cast<__nv_bfloat16*>(elements<char>(packed) + offset);
    copy_rows_kernel<<<blocks_for(rows * ld, threads, 8 * context.multiprocessors), threads, 0, context.stream>>>(
        from, to, out, in, rows, ld, interleaved);
  };
  if (forward.has_padded) copy_rows(forward.padded, token ? out : (out + 7) / 8 * 8, forward.padded_ld, false);
  if (forward.has_interleaved) copy_rows(forward.interleaved, out, forward.interleaved_ld, true);
  if (backward.has_transposed) {
    auto* to = reinterpret_cast<__nv_bfloat16*>(elements<char>(packed_backward) + backward.transposed);
    const dim3 blocks(blocks_for(in, tile), blocks_for(out, tile));
    transpose_kernel<<<blocks, dim3(tile, 8), 0, context.stream>>>(from, to, out, in);
  }
  launched("pack_weight");
}

}  // namespace

void register_pack_weight() { kernels::pack_weight.set(DeviceKind::cuda, pack_weight); }

}  // namespace trm::cuda
