#include "device/accelerator/product.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "device/errors.h"
#include "device/messages.h"

namespace trm::accelerator {
namespace {

constexpr bool have_clblast = TRM_HAVE_CLBLAST;
constexpr int64_t most_part_elements = int64_t{16} << 20, shortest_part = 512;
// GPUs end the axes of a grid that rows and matrices lie on at 65535 groups
constexpr int64_t most_rows = 1 << 20, most_batch = 32768;

/// TRM_CLBLAST=0 leaves CLBlast out, for comparisons.
[[maybe_unused]] bool clblast_wanted() {
  static const bool wanted = [] {
    const char* set = std::getenv("TRM_CLBLAST");
    return !set || std::string(set) != "0";
  }();
  return wanted;
}

void require_int(const char* op, std::initializer_list<int64_t> sizes) {
  for (const int64_t size : sizes)
    if (size > std::numeric_limits<int32_t>::max())
      throw DeviceError(std::string(op) + ": a matrix of " + std::to_string(size) +
                        " rows or columns is too large for the accelerator's product");
}

void enqueue_product(Context& context, const char* op, const Kernel& kernel, const Grid& grid, const Product& p) {
  const auto narrow = [](int64_t size) { return static_cast<int32_t>(size); };
  const int64_t per = p.per ? p.per : std::numeric_limits<int64_t>::max();
  launch(context, op, kernel, grid, p.a.at, p.b.at, p.out.at, narrow(p.m), narrow(p.n), narrow(p.k), narrow(p.a.ld),
         narrow(p.b.ld), narrow(p.out.ld), p.a.stride, p.a.outer, p.b.stride, p.b.outer, p.out.stride, p.out.outer, per,
         int32_t{p.accumulate});
}

/// Blocks in vector registers.
void multiply_cpu(Context& context, const char* op, const Product& p) {
  const int width = context.vector_width >= 16 ? 16 : context.vector_width >= 8 ? 8 : 4, rows = width == 16 ? 8 : 4;
  const std::string options = "-DWIDTH=" + std::to_string(width) + " -DROWS=" + std::to_string(rows);
  const bool dots = p.b.transposed;
  if (dots && p.a.transposed)
    throw DeviceError(std::string(op) + ": a product of two transposed matrices is not served");
  const Kernel& kernel = context.programs->kernel(product_cpu_cl,
                                                  dots             ? "product_b_transposed"
                                                  : p.a.transposed ? "product_a_transposed"
                                                                   : "product_plain",
                                                  options);
  Grid grid;
  grid.groups = {divide_up(p.m, dots ? 4 : rows), divide_up(p.n, dots ? 4 : 2 * width), static_cast<size_t>(p.batch)};
  enqueue_product(context, op, kernel, grid, p);
}

/// Tiles in local memory: as large as the device allows and the sizes fill.
void multiply_tiled(Context& context, const char* op, const Product& p) {
  [[maybe_unused]] static const bool said = [] {
    if (!have_clblast)
      tell(MessageKind::note,
           "this build has no CLBlast: matrix products on the accelerator run in trm.cpp's own kernel, which may be "
           "slower");
    return true;
  }();
  const auto tiles = [&](int tile) {
    return divide_up(p.m, tile) * divide_up(p.n, tile) * static_cast<size_t>(p.batch);
  };
  // A kernel may be allowed less than its device, where it takes many registers.
  for (int side = 16;; side /= 2) {
    const auto items = static_cast<size_t>(side * side);
    if (side > 4 && items > context.group_limit) continue;
    const int work = side == 16 && tiles(128) >= 2 * context.units ? 8 : 4, tile = side * work;
    const std::string options = "-DSIDE=" + std::to_string(side) + " -DWORK=" + std::to_string(work) +
                                " -DA_TRANSPOSED=" + std::to_string(p.a.transposed) +
                                " -DB_TRANSPOSED=" + std::to_string(p.b.transposed);
    const Kernel& kernel = context.programs->kernel(product_cl, "product", options);
    if (side > 4 && items > kernel.group_limit) continue;
    require_items(context, kernel, items);
    Grid grid;
    grid.items = {static_cast<size_t>(side), static_cast<size_t>(side), 1};
    grid.groups = {divide_up(p.n, tile), divide_up(p.m, tile), static_cast<size_t>(p.batch)};
    return enqueue_product(context, op, kernel, grid, p);
  }
}

/// Rows of the product from `first` on, at most most_rows.
Product rows_of(const Product& p, int64_t first) {
  Product part = p;
  part.m = std::min(most_rows, p.m - first);
  part.a.at.element += p.a.transposed ? first : first * p.a.ld;
  part.out.at.element += first * p.out.ld;
  return part;
}

/// Matrices of the batch from `first` on, at most `most`.
Product matrices_of(const Product& p, int64_t first, int64_t most) {
  Product part = p;
  part.batch = std::min(most, p.batch - first);
  for (Operand* operand : {&part.a, &part.b, &part.out})
    operand->at.element += p.per ? first / p.per * operand->outer : first * operand->stride;
  return part;
}

}  // namespace

void multiply(Context& context, const char* op, const Product& p) {
  if (p.m == 0 || p.n == 0 || p.batch == 0) return;
  if (p.m > most_rows) {
    for (int64_t first = 0; first < p.m; first += most_rows) multiply(context, op, rows_of(p, first));
    return;
  }
  if (const int64_t most = p.per ? std::max(p.per, most_batch / p.per * p.per) : most_batch; p.batch > most) {
    for (int64_t first = 0; first < p.batch; first += most) multiply(context, op, matrices_of(p, first, most));
    return;
  }
  require_int(op, {p.m, p.n, p.k, p.a.ld, p.b.ld, p.out.ld});
  if constexpr (have_clblast)
    if (!context.cpu && p.k > 0 && clblast_wanted() && multiply_clblast(context, op, p)) return;
  if (context.cpu)
    multiply_cpu(context, op, p);
  else
    multiply_tiled(context, op, p);
}

void add_parts(Context& context, const char* op, const Tensor& parts, int64_t count, int64_t n, const Place& out) {
  const Kernel& kernel = context.programs->kernel(sum_parts_cl, "sum_parts");
  launch(context, op, kernel, over_elements(context, kernel, n), parts, count, n, out);
}

void multiply_long(Context& context, const char* op, const Product& p) {
  const int64_t tiles = static_cast<int64_t>(divide_up(p.m, 64) * divide_up(p.n, 64)), size = p.m * p.n;
  const int64_t most = std::min<int64_t>({4 * int64_t{context.units} / std::max<int64_t>(tiles, 1), p.k / shortest_part,
                                          most_part_elements / std::max<int64_t>(size, 1)});
  if (most < 2) {
    Product whole = p;
    whole.accumulate = true;
    return multiply(context, op, whole);
  }
  const int64_t rows = (p.k + most - 1) / most, count = p.k / rows, rest = p.k - count * rows;
  const Tensor parts = Tensor::empty({count, p.m, p.n}, DType::float32, p.out.at.tensor->device());
  Product part = p;
  part.k = rows;
  part.a.stride = rows * p.a.ld;
  part.b.stride = rows * p.b.ld;
  part.out = {{&parts}, p.n, false, size};
  part.batch = count;
  part.accumulate = false;
  multiply(context, op, part);
  add_parts(context, op, parts, count, size, p.out.at);
  if (rest == 0) return;
  Product last = p;
  last.k = rest;
  last.a.at.element += count * rows * p.a.ld;
  last.b.at.element += count * rows * p.b.ld;
  last.accumulate = true;
  multiply(context, op, last);
}

}  // namespace trm::accelerator
