// cast, add, add3: one pass over memory, 16 bytes a thread where addresses allow.
#include "device/cuda/device_math.cuh"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256;

template <class From, class To>
__global__ void cast_kernel(const From* in, To* out, int64_t n) {
  for (int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x; i < n; i += int64_t{gridDim.x} * threads)
    out[i] = from_float<To>(to_float(in[i]));
}

/// out = a + b (+ c where `three`), N elements at a time and the rest one by one.
template <class T, int N, bool three>
__global__ void add_kernel(const T* a, const T* b, const T* c, T* out, int64_t n) {
  const int64_t first = int64_t{blockIdx.x} * threads + threadIdx.x, stride = int64_t{gridDim.x} * threads,
                packs = n / N;
  const auto sum = [](T x, T y, T z) {
    return from_float<T>(three ? to_float(x) + to_float(y) + to_float(z) : to_float(x) + to_float(y));
  };
  for (int64_t i = first; i < packs; i += stride) {
    const auto x = reinterpret_cast<const Pack<T, N>*>(a)[i], y = reinterpret_cast<const Pack<T, N>*>(b)[i];
    Pack<T, N> z{};
    if constexpr (three) z = reinterpret_cast<const Pack<T, N>*>(c)[i];
#pragma unroll
    for (int j = 0; j < N; ++j) z.v[j] = sum(x.v[j], y.v[j], z.v[j]);
    reinterpret_cast<Pack<T, N>*>(out)[i] = z;
  }
  for (int64_t i = packs * N + first; i < n; i += stride) out[i] = sum(a[i], b[i], three ? c[i] : a[i]);
}

void cast(const Tensor& in, Tensor& out) {
  const int64_t n = in.elements();
  if (n == 0) return;
  Context& context = context_of(in);
  const unsigned blocks = blocks_for(n, threads, 32 * context.multiprocessors);
  for_activation(in, [&]<class From>() {
    for_activation(out, [&]<class To>() {
      cast_kernel<<<blocks, threads, 0, context.stream>>>(elements<From>(in), elements<To>(out), n);
    });
  });
  launched("cast");
}

template <bool three>
void add_any(const char* op, const Tensor& a, const Tensor& b, const Tensor& c, Tensor& out) {
  const int64_t n = out.elements();
  if (n == 0) return;
  Context& context = context_of(out);
  const bool wide = aligned16(a) && aligned16(b) && aligned16(c) && aligned16(out);
  for_activation(out, [&]<class T>() {
    const auto run = [&](auto kernel, int width) {
      kernel<<<blocks_for(n / width, threads, 32 * context.multiprocessors), threads, 0, context.stream>>>(
          elements<T>(a), elements<T>(b), elements<T>(c), elements<T>(out), n);
    };
    if (wide)
      run(add_kernel<T, pack_size<T>, three>, pack_size<T>);
    else
      run(add_kernel<T, 1, three>, 1);
  });
  launched(op);
}

void add(const Tensor& a, const Tensor& b, Tensor& out) { add_any<false>("add", a, b, a, out); }
void add3(const Tensor& a, const Tensor& b, const Tensor& c, Tensor& out) { add_any<true>("add3", a, b, c, out); }

}  // namespace

const Registration registration([] {
  kernels::cast.set(DeviceKind::cuda, cast);
  kernels::add.set(DeviceKind::cuda, add);
  kernels::add3.set(DeviceKind::cuda, add3);
});

}  // namespace trm::cuda
