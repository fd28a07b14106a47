// Head and loss in chunks of rows: logits of a chunk, loss and gradient over them in place, then what the gradient
// gives x and the head. Large softmax heads on Hopper: head_sm90.h. Otherwise, since vocabularies are often odd and
// products of odd sizes run at a third of the speed, rows of logits are padded to a multiple of 8 with rows of zeros
// behind the head. The head's gradient is taken in two products, of a multiple of 8 rows and of the rest.
#include "device/cuda/cross_entropy.cuh"
#include "device/cuda/head_sm90.h"
#include "device/cuda/product.h"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr const char* op = "linear_cross_entropy";
constexpr int64_t fewest_fused = 1024;  // columns of a head for which head_sm90.h pays
constexpr int64_t most_chunk_bytes = int64_t{512} << 20;

/// Rows of a chunk: as few chunks as fit the limit, equal up to a multiple of 128.
int64_t chunk_rows(int64_t rows, int64_t row_bytes) {
  const int64_t most = std::max<int64_t>(most_chunk_bytes / row_bytes, 128), chunks = (rows + most - 1) / most;
  return std::min(rows, (rows / chunks + 127) / 128 * 128);
}

/// The head with rows of zeros up to a multiple of 8.
Tensor padded(Context& context, const Tensor& head, int64_t rows) {
  const Tensor copy = Tensor::empty({rows, head.size(1)}, head.dtype(), head.device());
  const auto bytes = static_cast<size_t>(head.bytes());
  TRM_CUDA(cudaMemcpyAsync(copy.address(), head.address(), bytes, cudaMemcpyDeviceToDevice, context.stream));
  TRM_CUDA(cudaMemsetAsync(elements<char>(copy) + bytes, 0, static_cast<size_t>(copy.bytes()) - bytes, context.stream));
  return copy;
}

void linear_cross_entropy(const Tensor& x, const Weight& w, const Tensor& labels, const Tensor& scale, LossKind kind,
                          Tensor& loss, Tensor& preds, Tensor* dx, Tensor* dw) {
  const int64_t rows = labels.elements(), D = x.size(2), V = w.out();
  if (rows == 0) return;
  Context& context = context_of(x);
  const auto width = static_cast<int64_t>(size_of(x.dtype())), ld = (V + 7) / 8 * 8,
             chunk = chunk_rows(rows, ld * width);
  const bool fused = kind == LossKind::softmax && V >= fewest_fused && softmax_head_sm90(x, w);
  const Tensor head = fused || ld == V ? w.value : padded(context, w.value, ld);
  const Tensor logits = Tensor::empty({chunk, ld}, x.dtype(), x.device()),
               normalizers = Tensor::empty({chunk}, DType::float32, x.device());
  const Tensor inputs = x.reshape({rows, D}), input_gradients = dx ? dx->reshape({rows, D}) : Tensor();
  for (int64_t first = 0; first < rows; first += chunk) {
    const int64_t count = std::min(chunk, rows - first);
    const Tensor part = inputs.rows(first, count), dpart = dx ? input_gradients.rows(first, count) : Tensor();
    const LossRows r{count,
                     V,
                     ld,
                     first,
                     labels.size(1),
                     elements<int32_t>(labels) + first,
                     elements<float>(loss) + first,
                     elements<int32_t>(preds) + first,
                     fused ? elements<float>(normalizers) : nullptr,
                     dx ? elements<float>(scale) : nullptr,
                     false};
    if (fused) {
      softmax_logits_sm90(part, w, logits, r);
      if (dx) softmax_gradient_sm90(logits, w, r, dpart);
    } else {
      multiply(context, op,
               {.m = count,
                .n = ld,
                .k = D,
                .a = {part.address(), D},
                .b = {head.address(), D, true},
                .out = logits.address(),
                .out_ld = ld,
                .in_dtype = x.dtype(),
                .out_dtype = x.dtype()});
      loss_of_rows(context, op, logits, r, kind);
      if (dx)
        multiply(context, op,
                 {.m = count,
                  .n = D,
                  .k = ld,
                  .a = {logits.address(), ld},
                  .b = {head.address(), D},
                  .out = dpart.address(),
                  .out_ld = D,
                  .in_dtype = x.dtype(),
                  .out_dtype = x.dtype()});
    }
    if (!dx) continue;
    const auto add_head_gradient = [&](int64_t row, int64_t count_of_rows) {
      multiply(context, op,
               {.m = count_of_rows,
                .n = D,
                .k = count,
                .a = {static_cast<const char*>(logits.address()) + row * width, ld, true},
                .b = {part.address(), D},
                .out = elements<float>(*dw) + row * D,
                .out_ld = D,
                .added = elements<float>(*dw) + row * D,
                .in_dtype = x.dtype()});
    };
    add_head_gradient(0, V / 8 * 8);
    add_head_gradient(V / 8 * 8, V % 8);
  }
}

}  // namespace

const Registration registration([] { kernels::linear_cross_entropy.set(DeviceKind::cuda, linear_cross_entropy); });

}  // namespace trm::cuda
