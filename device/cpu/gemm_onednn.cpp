#include <omp.h>

#include <dnnl.hpp>
#include <memory>
#include <unordered_map>

#include "device/cpu/gemm.h"
#include "device/cpu/workspace.h"
#include "device/errors.h"

namespace trm::cpu {
namespace {

using dnnl::memory;

struct Key {
  int64_t m, n, k, a_row, a_column, b_row, b_column, c_stride;
  int32_t threads;
  DType in, out;
  bool accumulate;
  friend bool operator==(const Key&, const Key&) = default;
};

struct KeyHash {
  size_t operator()(const Key& key) const {
    size_t hash = 0;
    for (const int64_t part : {key.m, key.n, key.k, key.a_row, key.a_column, key.b_row, key.b_column, key.c_stride,
                               int64_t{key.threads} * 8 + (key.in == DType::bfloat16) * 4 + (key.out == DType::bfloat16) * 2 + key.accumulate})
      hash = (hash ^ static_cast<size_t>(part)) * 0x9e3779b97f4a7c15u + (hash >> 29);
    return hash;
  }
};

struct Product {
  dnnl::matmul primitive;
  memory a, b, c, scratchpad;
  size_t scratchpad_bytes;
};

const dnnl::engine& engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::data_type type_of(DType dtype) { return dtype == DType::bfloat16 ? memory::data_type::bf16 : memory::data_type::f32; }

Product make_product(const Key& key) {
  const memory::desc a({key.m, key.k}, type_of(key.in), memory::dims{key.a_row, key.a_column});
  const memory::desc b({key.k, key.n}, type_of(key.in), memory::dims{key.b_row, key.b_column});
  const memory::desc c({key.m, key.n}, type_of(key.out), memory::dims{key.c_stride, 1});
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (key.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  const int threads = omp_get_max_threads();
  omp_set_num_threads(key.threads);
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), attributes, engine());
  Product product{dnnl::matmul(description), memory(a, engine(), nullptr), memory(b, engine(), nullptr), memory(c, engine(), nullptr),
                  memory(description.scratchpad_desc(), engine(), nullptr), description.scratchpad_desc().get_size()};
  omp_set_num_threads(threads);
  return product;
}

Product& product_of(const Key& key) {
  thread_local std::unordered_map<Key, Product, KeyHash> products;
  const auto found = products.find(key);
  return found != products.end() ? found->second : products.emplace(key, make_product(key)).first->second;
}

void run(Product& product, const void* a, const void* b, void* c) {
  thread_local const dnnl::stream stream(engine());
  product.a.set_data_handle(const_cast<void*>(a));
  product.b.set_data_handle(const_cast<void*>(b));
  product.c.set_data_handle(c);
  product.scratchpad.set_data_handle(workspace(Workspace::products, product.scratchpad_bytes));
  const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, product.a.get()},
                                       {DNNL_ARG_WEIGHTS, product.b.get()},
                                       {DNNL_ARG_DST, product.c.get()},
                                       {DNNL_ARG_SCRATCHPAD, product.scratchpad.get()}};
  if (dnnl_primitive_execute(product.primitive.get(), stream.get(), 4, arguments) != dnnl_success)
    throw DeviceError("gemm: oneDNN could not run a product on the cpu");
}

}  // namespace

void gemm(int64_t m, int64_t n, int64_t k, const Matrix& a, const Matrix& b, void* c, DType c_dtype, int64_t c_stride, bool accumulate) {
  if (m == 0 || n == 0 || k == 0) return;
  const int threads = omp_in_parallel() ? 1 : omp_get_max_threads();
  run(product_of({m, n, k, a.row_stride, a.column_stride, b.row_stride, b.column_stride, c_stride, threads, a.dtype, c_dtype, accumulate}), a.data,
      b.data, c);
}

}  // namespace trm::cpu
