// Kernels that move rows: gather_rows, drop_positions and its backward, reset_rows, select_rows. Rows are copied as
// words of 16, 4 or 1 bytes.
#include "device/cuda/device_math.cuh"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256;

__global__ void gather_kernel(const float* table, const int32_t* ids, float* out, int64_t B, int64_t W, int64_t P) {
  const int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i >= B * W) return;
  const int64_t id = ids[i / W];
  out[i] = id >= 0 && id < P ? table[id * W + i % W] : 0.0f;
}

/// to[b, i] = from[b, skipped + i]; rows of `from_row` and `to_row` words
template <class Word>
__global__ void drop_kernel(const Word* from, Word* to, int64_t B, int64_t from_row, int64_t to_row) {
  const int64_t n = B * to_row;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads)
    to[i] = from[i / to_row * from_row + from_row - to_row + i % to_row];
}

/// to[b, skipped + i] = from[b, i], zero before
template <class Word>
__global__ void drop_backward_kernel(const Word* from, Word* to, int64_t B, int64_t from_row, int64_t to_row) {
  const int64_t n = B * to_row, skipped = to_row - from_row;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads) {
    const int64_t at = i % to_row - skipped;
    to[i] = at < 0 ? Word{} : from[i / to_row * from_row + at];
  }
}

/// Grid (parts of the row, b): rows that halted become repetitions of `from` (period words long).
template <class Word>
__global__ void replace_kernel(const uint8_t* halted, const Word* from, int64_t from_stride, int64_t period, Word* to,
                               int64_t B, int64_t row) {
  const int64_t b = grid_row();
  if (b >= B || !halted[b]) return;
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < row; i += int64_t{gridDim.x} * threads)
    to[b * row + i] = from[b * from_stride + i % period];
}

/// Calls run.operator()<Word>(bytes of a word) with the widest word that divides addresses and sizes.
template <class F>
void for_words(std::initializer_list<const Tensor*> tensors, std::initializer_list<size_t> sizes, F&& run) {
  uintptr_t bits = 0;
  for (const Tensor* t : tensors) bits |= reinterpret_cast<uintptr_t>(t->address());
  for (const size_t size : sizes) bits |= size;
  if (bits % 16 == 0)
    run.template operator()<uint4>();
  else if (bits % 4 == 0)
    run.template operator()<uint32_t>();
  else
    run.template operator()<uint8_t>();
}

int64_t words(size_t bytes, size_t word) { return static_cast<int64_t>(bytes / word); }

void gather_rows(const Tensor& table, const Tensor& ids, Tensor& out) {
  if (out.elements() == 0) return;
  Context& context = context_of(out);
  gather_kernel<<<blocks_for(out.elements(), threads), threads, 0, context.stream>>>(
      elements<float>(table), elements<int32_t>(ids), elements<float>(out), out.size(0), out.size(1), table.size(0));
  launched("gather_rows");
}

void drop_positions(const Tensor& x, Tensor& out) {
  if (out.elements() == 0) return;
  Context& context = context_of(x);
  const int64_t B = x.size(0);
  const size_t from = x.bytes() / static_cast<size_t>(B), to = out.bytes() / static_cast<size_t>(B);
  for_words({&x, &out}, {from, to}, [&]<class Word>() {
    drop_kernel<Word><<<blocks_for(words(out.bytes(), sizeof(Word)), threads, 32 * context.multiprocessors), threads, 0,
                        context.stream>>>(elements<Word>(x), elements<Word>(out), B, words(from, sizeof(Word)),
                                          words(to, sizeof(Word)));
  });
  launched("drop_positions");
}

void drop_positions_backward(const Tensor& dout, Tensor& dx) {
  if (dx.elements() == 0) return;
  Context& context = context_of(dx);
  const int64_t B = dx.size(0);
  const size_t from = dout.bytes() / static_cast<size_t>(B), to = dx.bytes() / static_cast<size_t>(B);
  for_words({&dout, &dx}, {from, to}, [&]<class Word>() {
    drop_backward_kernel<Word><<<blocks_for(words(dx.bytes(), sizeof(Word)), threads, 32 * context.multiprocessors),
                                 threads, 0, context.stream>>>(elements<Word>(dout), elements<Word>(dx), B,
                                                               words(from, sizeof(Word)), words(to, sizeof(Word)));
  });
  launched("drop_positions_backward");
}

void replace_rows(const char* op, const Tensor& halted, const Tensor& from, size_t from_stride, size_t period,
                  Tensor& to) {
  if (to.elements() == 0) return;
  Context& context = context_of(to);
  const int64_t B = halted.elements();
  const size_t row = to.bytes() / static_cast<size_t>(B);
  for_words({&from, &to}, {from_stride, period, row}, [&]<class Word>() {
    const dim3 blocks = grid_of(blocks_for(words(row, sizeof(Word)), 4 * threads, 64), B);
    replace_kernel<Word><<<blocks, threads, 0, context.stream>>>(
        elements<uint8_t>(halted), elements<Word>(from), words(from_stride, sizeof(Word)), words(period, sizeof(Word)),
        elements<Word>(to), B, words(row, sizeof(Word)));
  });
  launched(op);
}

void reset_rows(const Tensor& halted, const Tensor& init, Tensor& z) {
  replace_rows("reset_rows", halted, init, 0, init.bytes(), z);
}

void select_rows(const Tensor& halted, const Tensor& incoming, Tensor& current) {
  const size_t row = current.elements() ? current.bytes() / static_cast<size_t>(current.size(0)) : 0;
  replace_rows("select_rows", halted, incoming, row, row, current);
}

}  // namespace

const Registration registration([] {
  kernels::gather_rows.set(DeviceKind::cuda, gather_rows);
  kernels::drop_positions.set(DeviceKind::cuda, drop_positions);
  kernels::drop_positions_backward.set(DeviceKind::cuda, drop_positions_backward);
  kernels::reset_rows.set(DeviceKind::cuda, reset_rows);
  kernels::select_rows.set(DeviceKind::cuda, select_rows);
});

}  // namespace trm::cuda
