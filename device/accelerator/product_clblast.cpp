// Products through CLBlast (Nugteren, "CLBlast: A Tuned OpenCL BLAS Library", IWOCL 2018).
#include "device/accelerator/opencl.h"
//
#include <clblast.h>

#include "device/accelerator/product.h"
#include "device/errors.h"

namespace trm::accelerator {
namespace {

cl_mem buffer_of(const Operand& x) { return static_cast<cl_mem>(x.at.tensor->base()); }
size_t first_of(const Operand& x) { return x.at.tensor->offset() / sizeof(float) + static_cast<size_t>(x.at.element); }
clblast::Transpose form_of(const Operand& x) {
  return x.transposed ? clblast::Transpose::kYes : clblast::Transpose::kNo;
}
size_t size(int64_t value) { return static_cast<size_t>(value); }

}  // namespace

bool multiply_clblast(Context& context, const char* op, const Product& p) {
  if (p.per != 0) return false;
  constexpr auto layout = clblast::Layout::kRowMajor;
  const float beta = p.accumulate ? 1.0f : 0.0f;
  clblast::StatusCode status;
  const std::lock_guard lock(context.launching);
  if (p.batch == 1)
    status =
        clblast::Gemm<float>(layout, form_of(p.a), form_of(p.b), size(p.m), size(p.n), size(p.k), 1.0f, buffer_of(p.a),
                             first_of(p.a), size(p.a.ld), buffer_of(p.b), first_of(p.b), size(p.b.ld), beta,
                             buffer_of(p.out), first_of(p.out), size(p.out.ld), &context.queue);
  else
    status = clblast::GemmStridedBatched<float>(
        layout, form_of(p.a), form_of(p.b), size(p.m), size(p.n), size(p.k), 1.0f, buffer_of(p.a), first_of(p.a),
        size(p.a.ld), size(p.a.stride), buffer_of(p.b), first_of(p.b), size(p.b.ld), size(p.b.stride), beta,
        buffer_of(p.out), first_of(p.out), size(p.out.ld), size(p.out.stride), size(p.batch), &context.queue);
  if (status == clblast::StatusCode::kSuccess) return true;
  if (status > clblast::StatusCode::kNotImplemented) check(static_cast<cl_int>(status), op);  // OpenCL's own codes
  throw DeviceError(std::string("accelerator: ") + op + ": CLBlast refuses a product of " + std::to_string(p.m) +
                    " x " + std::to_string(p.n) + " x " + std::to_string(p.k) + " (status " +
                    std::to_string(static_cast<int>(status)) + "); TRM_CLBLAST=0 uses trm.cpp's own kernel");
}

}  // namespace trm::accelerator
