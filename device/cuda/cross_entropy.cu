// Loss, prediction and gradient of rows of logits, in one kernel: two passes over a row, the second out of shared
// memory where a row fits.
#include "device/cuda/cross_entropy.cuh"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int block = 512;                 // threads for a row of a large vocabulary
constexpr int64_t warp_vocabulary = 2048;  // up to here a warp takes a row
constexpr int rows_per_block = 8;
constexpr size_t most_row_bytes =
    (99 << 10) - 512;  // what every GPU has: two blocks a multiprocessor on Hopper, one on others

template <LossKind kind, int threads, class T, int N>
__global__ void loss_kernel(T* logits, LossRows r, bool keep) {
  extern __shared__ uint4 row_memory[];
  T* kept = keep ? reinterpret_cast<T*>(row_memory) : nullptr;
  __shared__ RowPart shared[threads / warp_size];
  const int64_t index =
      threads == warp_size ? int64_t{blockIdx.x} * rows_per_block + threadIdx.x / warp_size : int64_t{blockIdx.x};
  if (index >= r.rows) return;
  const bool leader = threadIdx.x % threads == 0;
  T* row = logits + index * r.ld;
  const int32_t label = r.labels[index];
  float normalizer;
  if (r.known) {
    normalizer = r.normalizer[index];
  } else {
    const RowPart part = read_row<kind, threads, T, N>(row, r.V, shared, kept);
    normalizer = normalizer_of(part, kind);
    if (leader) {
      r.loss[index] = loss_of(row, r.V, label, normalizer, kind);
      r.preds[index] = part.best;
      if (r.normalizer) r.normalizer[index] = normalizer;
    }
  }
  if (!r.scale) return;
  if constexpr (threads == warp_size)
    __syncwarp();
  else
    __syncthreads();  // the label's logit has been read
  write_gradient<kind, threads, T, N>(keep ? kept : row, row, r.V, label, normalizer, r.scale[(r.first + index) / r.S]);
}

void cross_entropy(const Tensor& logits, const Tensor& labels, LossKind kind, Tensor& loss, Tensor& preds,
                   Tensor& normalizer) {
  const int64_t V = logits.size(2);
  loss_of_rows(context_of(logits), "cross_entropy", logits,
               {labels.elements(), V, V, 0, labels.size(1), elements<int32_t>(labels), elements<float>(loss),
                elements<int32_t>(preds), elements<float>(normalizer), nullptr, false},
               kind);
}

void cross_entropy_backward(Tensor& logits, const Tensor& labels, const Tensor& normalizer, const Tensor& scale,
                            LossKind kind) {
  const int64_t V = logits.size(2);
  loss_of_rows(context_of(logits), "cross_entropy_backward", logits,
               {labels.elements(), V, V, 0, labels.size(1), elements<int32_t>(labels), nullptr, nullptr,
                elements<float>(normalizer), elements<float>(scale), true},
               kind);
}

/// A warp a row of labels.
__global__ void label_counts_kernel(const int32_t* labels, float grad_scale, int32_t* counts, float* scale, int64_t B,
                                    int64_t S) {
  const int64_t b = int64_t{blockIdx.x} * rows_per_block + threadIdx.x / warp_size;
  if (b >= B) return;
  int32_t count = 0;
  for (int64_t s = threadIdx.x % warp_size; s < S; s += warp_size) count += labels[b * S + s] != ignored_label;
  count = __reduce_add_sync(all_lanes, count);
  if (threadIdx.x % warp_size != 0) return;
  counts[b] = count;
  scale[b] = grad_scale / static_cast<float>(max(count, 1));
}

void label_counts(const Tensor& labels, float grad_scale, Tensor& counts, Tensor& scale) {
  const int64_t B = labels.size(0);
  if (B == 0) return;
  label_counts_kernel<<<blocks_for(B, rows_per_block), rows_per_block * warp_size, 0, context_of(labels).stream>>>(
      elements<int32_t>(labels), grad_scale, elements<int32_t>(counts), elements<float>(scale), B, labels.size(1));
  launched("label_counts");
}

}  // namespace

void loss_of_rows(Context& context, const char* op, const Tensor& logits, const LossRows& r, LossKind kind) {
  if (r.rows == 0 || r.V == 0) return;
  for_activation(logits, [&]<class T>() {
    const auto run = [&]<LossKind k, int N>() {
      if (r.V <= warp_vocabulary)
        loss_kernel<k, warp_size, T, N>
            <<<blocks_for(r.rows, rows_per_block), rows_per_block * warp_size, 0, context.stream>>>(elements<T>(logits),
                                                                                                    r, false);
      else {
        const auto kernel = loss_kernel<k, block, T, N>;
        const size_t bytes = static_cast<size_t>(r.ld) * sizeof(T);
        const bool keep = r.scale && !r.known && bytes <= most_row_bytes;
        if (keep)
          TRM_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)));
        kernel<<<blocks_for(r.rows, 1), block, keep ? bytes : 0, context.stream>>>(elements<T>(logits), r, keep);
      }
    };
    const bool wide = r.ld % pack_size<T> == 0 && aligned16(logits);
    if (kind == LossKind::softmax) {
      if (wide)
        run.template operator()<LossKind::softmax, pack_size<T>>();
      else
        run.template operator()<LossKind::softmax, 1>();
    } else {
      if (wide)
        run.template operator()<LossKind::stablemax, pack_size<T>>();
      else
        run.template operator()<LossKind::stablemax, 1>();
    }
  });
  launched(op);
}

const Registration registration([] {
  kernels::label_counts.set(DeviceKind::cuda, label_counts);
  kernels::cross_entropy.set(DeviceKind::cuda, cross_entropy);
  kernels::cross_entropy_backward.set(DeviceKind::cuda, cross_entropy_backward);
});

}  // namespace trm::cuda
