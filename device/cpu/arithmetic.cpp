#include <algorithm>
#include <cstring>

#include "device/cpu/chunks.h"
#include "device/cpu/cpu_platform.h"
#include "device/cpu/elementwise_loops.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

constexpr int64_t elements_at_once = 1 << 13;

/// work(first, count) over pieces of [0, n), on all threads where there are several.
template <class Work>
void in_pieces(int64_t n, const Work& work) {
#pragma omp parallel for if (n > 2 * elements_at_once)
  for (int64_t first = 0; first < n; first += elements_at_once) work(first, std::min(elements_at_once, n - first));
}

void cast(const Tensor& in, Tensor& out) {
  if (in.dtype() == out.dtype()) {
    std::memmove(out.address(), in.address(), in.bytes());
    return;
  }
  in_pieces(in.elements(), [&](int64_t first, int64_t count) {
    if (in.dtype() == DType::float32)
      elementwise_loops().narrow(in.data<float>() + first, reinterpret_cast<uint16_t*>(out.data<bfloat16>()) + first,
                                 count);
    else
      elementwise_loops().widen(reinterpret_cast<const uint16_t*>(in.data<bfloat16>()) + first,
                                out.data<float>() + first, count);
  });
}

void sum(const Tensor& a, const Tensor& b, const Tensor* c, Tensor& out) {
  const size_t size = size_of(out.dtype());
  in_pieces(out.elements(), [&](int64_t first, int64_t count) {
    const auto from = [&](const Tensor& t) { return offset_by(t.address(), first, size); };
    elementwise_loops().add[out.dtype()](from(a), from(b), c ? from(*c) : nullptr, from(out), count);
  });
}

void add(const Tensor& a, const Tensor& b, Tensor& out) { sum(a, b, nullptr, out); }
void add3(const Tensor& a, const Tensor& b, const Tensor& c, Tensor& out) { sum(a, b, &c, out); }

}  // namespace

const Registration registration([] {
  kernels::cast.set(DeviceKind::cpu, cast);
  kernels::add.set(DeviceKind::cpu, add);
  kernels::add3.set(DeviceKind::cpu, add3);
});

}  // namespace trm::cpu
