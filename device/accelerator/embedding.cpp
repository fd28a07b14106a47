#include "device/accelerator/launch.h"
#include "device/accelerator/registration.h"
#include "device/kernels.h"

namespace trm::accelerator {
namespace {

void input_embedding(const Tensor& tokens, const Tensor& table, const Tensor* puzzle_rows, const Tensor* positions,
                     float scale, Tensor& out) {
  Context& context = context_of(out);
  const Kernel& kernel = context.programs->kernel(embedding_cl, "input_embedding");
  const int64_t B = out.size(0), N = out.size(1), D = out.size(2);
  launch(context, "input_embedding", kernel, over_elements(context, kernel, out.elements()), tokens, table, puzzle_rows,
         positions, scale, out, B, N, N - tokens.size(1), D, table.size(0),
         puzzle_rows ? puzzle_rows->size(1) : int64_t{0});
}

}  // namespace

const Registration registration([] { set_float32(kernels::input_embedding, input_embedding); });

}  // namespace trm::accelerator
