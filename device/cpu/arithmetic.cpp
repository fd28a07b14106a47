#include <cstring>

#include "device/cpu/activation.h"
#include "device/cpu/cpu_platform.h"
#include "device/kernels.h"

namespace trm::cpu {
namespace {

constexpr int64_t parallel_from = 1 << 15;  // elements; below, starting threads costs more than the work

void fill(Tensor& out, float value) {
  visit_activation(out, [&]<class T>(T) {
    T* to = out.data<T>();
    const int64_t n = out.elements();
    const T narrow(value);
#pragma omp parallel for simd if (n >= parallel_from)
    for (int64_t i = 0; i < n; ++i) to[i] = narrow;
  });
}

void cast(const Tensor& in, Tensor& out) {
  const int64_t n = in.elements();
  if (in.dtype() == out.dtype()) {
    std::memmove(out.address(), in.address(), in.bytes());
    return;
  }
  visit_activation(in, [&]<class From>(From) {
    visit_activation(out, [&]<class To>(To) {
      const From* from = in.data<From>();
      To* to = out.data<To>();
#pragma omp parallel for simd if (n >= parallel_from)
      for (int64_t i = 0; i < n; ++i) to[i] = To(static_cast<float>(from[i]));
    });
  });
}

void add(const Tensor& a, const Tensor& b, Tensor& out) {
  visit_activation(a, [&]<class T>(T) {
    const T *x = a.data<T>(), *y = b.data<T>();
    T* to = out.data<T>();
    const int64_t n = out.elements();
#pragma omp parallel for simd if (n >= parallel_from)
    for (int64_t i = 0; i < n; ++i) to[i] = T(static_cast<float>(x[i]) + static_cast<float>(y[i]));
  });
}

void add3(const Tensor& a, const Tensor& b, const Tensor& c, Tensor& out) {
  visit_activation(a, [&]<class T>(T) {
    const T *x = a.data<T>(), *y = b.data<T>(), *z = c.data<T>();
    T* to = out.data<T>();
    const int64_t n = out.elements();
#pragma omp parallel for simd if (n >= parallel_from)
    for (int64_t i = 0; i < n; ++i)
      to[i] = T(static_cast<float>(x[i]) + static_cast<float>(y[i]) + static_cast<float>(z[i]));
  });
}

}  // namespace

void register_arithmetic() {
  kernels::fill.set(DeviceKind::cpu, fill);
  kernels::cast.set(DeviceKind::cpu, cast);
  kernels::add.set(DeviceKind::cpu, add);
  kernels::add3.set(DeviceKind::cpu, add3);
}

}  // namespace trm::cpu
