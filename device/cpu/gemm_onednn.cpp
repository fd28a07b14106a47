#include <omp.h>

#include <dnnl.hpp>
#include <cstring>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>

#include "device/cpu/gemm.h"
#include "device/cpu/widen.h"
#include "device/cpu/workspace.h"
#include "device/errors.h"

namespace trm::cpu {
namespace {

using dnnl::memory;

/// Strides of b are 0 where it is packed.
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
                               int64_t{key.threads} * 8 + (key.in == DType::bfloat16) * 4 +
                                   (key.out == DType::bfloat16) * 2 + key.accumulate})
      hash = (hash ^ static_cast<size_t>(part)) * 0x9e3779b97f4a7c15u + (hash >> 29);
    return hash;
  }
};

struct Product {
  dnnl::matmul primitive;
  memory a, b, c, scratchpad;
  size_t scratchpad_bytes;
  const void* b_address = nullptr;
};

const dnnl::engine& engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

memory::data_type type_of(DType dtype) {
  return dtype == DType::bfloat16 ? memory::data_type::bf16 : memory::data_type::f32;
}

memory::desc strided(int64_t rows, int64_t columns, DType dtype, int64_t row_stride, int64_t column_stride) {
  return {{rows, columns}, type_of(dtype), memory::dims{row_stride, column_stride}};
}

/// Primitives made while this lives run on so many threads.
class Threads {
 public:
  explicit Threads(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~Threads() { omp_set_num_threads(before_); }

 private:
  int before_;
};

/// The layout of a packed factor [k, n].
const memory::desc& packed_layout(int64_t k, int64_t n, DType dtype) {
  constexpr int64_t rows = 64;
  thread_local std::map<std::tuple<int64_t, int64_t, DType>, memory::desc> layouts;
  const auto found = layouts.find({k, n, dtype});
  if (found != layouts.end()) return found->second;
  const Threads one(1);
  const memory::desc any({k, n}, type_of(dtype), memory::format_tag::any);
  const dnnl::matmul::primitive_desc description(
      dnnl::matmul::desc(strided(rows, k, dtype, k, 1), any, strided(rows, n, dtype, n, 1)), engine());
  return layouts.emplace(std::tuple(k, n, dtype), description.weights_desc()).first->second;
}

Product make_product(const Key& key) {
  const memory::desc a = strided(key.m, key.k, key.in, key.a_row, key.a_column),
                     c = strided(key.m, key.n, key.out, key.c_stride, 1);
  const memory::desc b =
      key.b_row == 0 ? packed_layout(key.k, key.n, key.in) : strided(key.k, key.n, key.in, key.b_row, key.b_column);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (key.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  const Threads threads(key.threads);
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), attributes, engine());
  return {dnnl::matmul(description),
          memory(a, engine(), nullptr),
          memory(b, engine(), nullptr),
          memory(c, engine(), nullptr),
          memory(description.scratchpad_desc(), engine(), nullptr),
          description.scratchpad_desc().get_size()};
}

/// At most so many shapes are kept on a thread; programs with ever new ones (prompts of all lengths) start afresh then.
constexpr size_t most_products = 1024;

Product& product_of(const Key& key) {
  thread_local std::unordered_map<Key, Product, KeyHash> products;
  const auto found = products.find(key);
  if (found != products.end()) return found->second;
  if (products.size() >= most_products) products.clear();
  try {
    return products.emplace(key, make_product(key)).first->second;
  } catch (const dnnl::error& error) {
    throw DeviceError("gemm: oneDNN has no product [" + std::to_string(key.m) + ", " + std::to_string(key.k) + "] x [" +
                      std::to_string(key.k) + ", " + std::to_string(key.n) + "] of " + name_of(key.in) +
                      " on this cpu: " + error.what());
  }
}

int threads_here() { return omp_in_parallel() ? 1 : omp_get_max_threads(); }

void run(Product& product, const void* a, const void* b, void* c) {
  thread_local const dnnl::stream stream(engine());
  product.a.set_data_handle(const_cast<void*>(a));
  if (product.b_address != b)
    product.b.set_data_handle(
        const_cast<void*>(b));  // this also zeroes the padding of a packed factor, where there is some
  product.b_address = b;
  product.c.set_data_handle(c);
  product.scratchpad.set_data_handle(workspace(Workspace::products, product.scratchpad_bytes));
  const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, product.a.get()},
                                       {DNNL_ARG_WEIGHTS, product.b.get()},
                                       {DNNL_ARG_DST, product.c.get()},
                                       {DNNL_ARG_SCRATCHPAD, product.scratchpad.get()}};
  if (dnnl_primitive_execute(product.primitive.get(), stream.get(), 4, arguments) != dnnl_success)
    throw DeviceError("gemm: oneDNN could not run a product on the cpu");
}

/// oneDNN has bfloat16 from AVX-512 on; without, such products are float32's on widened factors.
bool has_bfloat16_products() {
  static const bool has = [] {
    const memory::desc factor({64, 64}, memory::data_type::bf16, memory::format_tag::ab),
        result({64, 64}, memory::data_type::f32, memory::format_tag::ab);
    try {
      const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(factor, factor, result), engine());
      return true;
    } catch (const dnnl::error&) {
      return false;
    }
  }();
  return has;
}

bool is_widened(DType dtype) { return dtype == DType::bfloat16 && !has_bfloat16_products(); }

DType packed_dtype(DType dtype) { return is_widened(dtype) ? DType::float32 : dtype; }

float* space_for(int64_t elements) {
  return static_cast<float*>(workspace(Workspace::widened, static_cast<size_t>(elements) * sizeof(float)));
}

/// c = a b for an a of float32; b a matrix of float32, or packed from one (strides 0).
void multiply(int64_t m, int64_t n, int64_t k, const Matrix& a, const Matrix& b, void* c, DType c_dtype,
              int64_t c_stride, bool accumulate, float* space) {
  const bool direct = c_dtype == DType::float32;
  run(product_of({m, n, k, a.row_stride, a.column_stride, b.row_stride, b.column_stride, direct ? c_stride : n,
                  threads_here(), DType::float32, DType::float32, direct && accumulate}),
      a.data, b.data, direct ? c : space);
  if (!direct) narrow(m, n, space, static_cast<bfloat16*>(c), c_stride, accumulate);
}

/// The empty sum.
void clear(int64_t m, int64_t n, void* c, DType c_dtype, int64_t c_stride) {
  for (int64_t i = 0; i < m; ++i)
    std::memset(static_cast<char*>(c) + static_cast<size_t>(i * c_stride) * size_of(c_dtype), 0,
                static_cast<size_t>(n) * size_of(c_dtype));
}

}  // namespace

void gemm(int64_t m, int64_t n, int64_t k, const Matrix& a, const Matrix& b, void* c, DType c_dtype, int64_t c_stride,
          bool accumulate) {
  if (m == 0 || n == 0) return;
  if (k == 0) return accumulate ? void() : clear(m, n, c, c_dtype, c_stride);
  if (is_widened(a.dtype)) {
    float* space = space_for(m * k + k * n + m * n);
    return multiply(m, n, k, widen(a, m, k, space), widen(b, k, n, space + m * k), c, c_dtype, c_stride, accumulate,
                    space + m * k + k * n);
  }
  run(product_of({m, n, k, a.row_stride, a.column_stride, b.row_stride, b.column_stride, c_stride, threads_here(),
                  a.dtype, c_dtype, accumulate}),
      a.data, b.data, c);
}

void gemm_packed(int64_t m, int64_t n, int64_t k, const Matrix& a, const void* packed, void* c, DType c_dtype,
                 int64_t c_stride, bool accumulate) {
  if (m == 0 || n == 0) return;
  if (k == 0) return accumulate ? void() : clear(m, n, c, c_dtype, c_stride);
  if (is_widened(a.dtype)) {
    float* space = space_for(m * k + m * n);
    return multiply(m, n, k, widen(a, m, k, space), {packed, DType::float32, 0, 0}, c, c_dtype, c_stride, accumulate,
                    space + m * k);
  }
  run(product_of(
          {m, n, k, a.row_stride, a.column_stride, 0, 0, c_stride, threads_here(), a.dtype, c_dtype, accumulate}),
      a.data, packed, c);
}

size_t packed_factor_bytes(int64_t k, int64_t n, DType dtype) {
  return packed_layout(k, n, packed_dtype(dtype)).get_size();
}

void pack_factor(int64_t k, int64_t n, const Matrix& b, void* packed) {
  const Matrix wide = is_widened(b.dtype) ? widen(b, k, n, space_for(k * n)) : b;
  memory from(strided(k, n, wide.dtype, wide.row_stride, wide.column_stride), engine(), const_cast<void*>(wide.data));
  memory to(packed_layout(k, n, wide.dtype), engine(), packed);
  dnnl::stream stream(engine());
  dnnl::reorder(from, to).execute(stream, from, to);
}

}  // namespace trm::cpu
