// Input embedding; its backward adds in a fixed order. Vocabularies of up to `small_vocabulary` tokens: blocks of
// positions add up whole tables, which are then added in order. Larger ones: positions are listed by token (stable),
// and a block takes a token's list; many positions in parts one after the other, since listing takes their square.
#include "device/cuda/device_math.cuh"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256, small_vocabulary = 64, columns = 128, lists = 4, batch = 8, span = 1024, short_list = 32;
constexpr int64_t most_listed = 1 << 16;

template <class T>
__global__ void embedding_kernel(const int32_t* tokens, const T* table, const float* puzzles, const T* positions,
                                 float scale, T* out, int64_t N, int64_t P, int64_t D, int64_t V, int64_t ndim) {
  const int64_t b = blockIdx.x / N, n = blockIdx.x % N, S = N - P;
  const int64_t token = n < P ? 0 : tokens[b * S + n - P];
  const bool known = token >= 0 && token < V;
  for (int64_t d = threadIdx.x; d < D; d += blockDim.x) {
    float x = 0;
    if (n < P)
      x = n * D + d < ndim ? puzzles[b * ndim + n * D + d] : 0.0f;
    else if (known)
      x = to_float(table[token * D + d]);
    if (positions) x += to_float(positions[n * D + d]);
    out[int64_t{blockIdx.x} * D + d] = from_float<T>(scale * x);
  }
}

template <class T>
__global__ void puzzle_gradient_kernel(const T* dx, float scale, float* d_puzzles, int64_t B, int64_t ND,
                                       int64_t ndim) {
  const int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i < B * ndim) d_puzzles[i] = scale * to_float(dx[i / ndim * ND + i % ndim]);
}

template <class T>
__global__ void position_gradient_kernel(const T* dx, float scale, float* d_positions, int64_t B, int64_t ND) {
  const int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i >= ND) return;
  float sum = 0;
#pragma unroll 8
  for (int64_t b = 0; b < B; ++b) sum += to_float(dx[b * ND + i]);
  d_positions[i] += scale * sum;
}

struct TokenShape {
  int64_t B, N, P, D, V;
  int64_t first = 0;  // token from which those of a part are counted
  __device__ int64_t rows() const { return B * (N - P); }
  /// Row of dx of the i-th token.
  __device__ int64_t row(int64_t i) const { return (first + i) / (N - P) * N + P + (first + i) % (N - P); }
};

/// Block (chunk of tokens, columns): a table of its own in shared memory, each thread a column, so nothing is shared.
template <class T>
__global__ void partial_tables_kernel(const T* dx, const int32_t* tokens, float* parts, TokenShape s, int64_t chunk) {
  extern __shared__ float sums[];  // [V, columns]
  const int64_t d = int64_t{blockIdx.y} * columns + threadIdx.x, first = blockIdx.x * chunk,
                last = min(first + chunk, s.rows());
  for (int64_t v = 0; v < s.V; ++v) sums[v * columns + threadIdx.x] = 0;
  if (d < s.D)
    for (int64_t i = first; i < last; i += batch) {
      int32_t token[batch];
      float value[batch];
#pragma unroll
      for (int j = 0; j < batch; ++j) {
        token[j] = i + j < last ? tokens[i + j] : -1;
        value[j] = i + j < last ? to_float(dx[s.row(i + j) * s.D + d]) : 0.0f;
      }
#pragma unroll
      for (int j = 0; j < batch; ++j)
        if (token[j] >= 0 && token[j] < s.V) sums[token[j] * columns + threadIdx.x] += value[j];
    }
  if (d < s.D)
    for (int64_t v = 0; v < s.V; ++v) parts[(blockIdx.x * s.V + v) * s.D + d] = sums[v * columns + threadIdx.x];
}

__global__ void add_tables_kernel(const float* parts, float scale, float* d_table, int64_t n, int64_t count) {
  const int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i >= n) return;
  float sum = 0;
#pragma unroll 8
  for (int64_t p = 0; p < count; ++p) sum += parts[p * n + i];
  d_table[i] += scale * sum;
}

__global__ void count_tokens_kernel(const int32_t* tokens, int32_t* counts, int64_t rows, int64_t V) {
  const int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i < rows && tokens[i] >= 0 && tokens[i] < V) atomicAdd(counts + tokens[i], 1);  // integers: any order
}

/// starts[v] = Σ counts before v; one block.
__global__ void scan_kernel(const int32_t* counts, int32_t* starts, int64_t V) {
  __shared__ int32_t sums[1024];
  const int64_t each = (V + blockDim.x - 1) / blockDim.x, first = min(threadIdx.x * each, V),
                last = min(first + each, V);
  int32_t own = 0;
  for (int64_t v = first; v < last; ++v) own += counts[v];
  sums[threadIdx.x] = own;
  __syncthreads();
  for (unsigned step = 1; step < blockDim.x; step *= 2) {
    const int32_t before = threadIdx.x >= step ? sums[threadIdx.x - step] : 0;
    __syncthreads();
    sums[threadIdx.x] += before;
    __syncthreads();
  }
  int32_t at = sums[threadIdx.x] - own;
  for (int64_t v = first; v < last; ++v) {
    starts[v] = at;
    at += counts[v];
  }
  if (threadIdx.x == blockDim.x - 1) starts[V] = sums[threadIdx.x];
}

/// before[i] += equal tokens among the tokens [first, first + span) that come before i; block (tokens i, span). Tiles
/// pass through shared memory.
__global__ void rank_tokens_kernel(const int32_t* tokens, int32_t* before, int64_t rows) {
  __shared__ int32_t tile[threads];
  const int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x, first = int64_t{blockIdx.y} * span;
  if (first > int64_t{blockIdx.x} * threads + threads - 1) return;
  const int32_t token = i < rows ? tokens[i] : -1;
  int32_t equal = 0;
  for (int64_t at = first; at < first + span && at <= int64_t{blockIdx.x} * threads; at += threads) {
    __syncthreads();
    tile[threadIdx.x] = at + threadIdx.x < rows ? tokens[at + threadIdx.x] : -1;
    __syncthreads();
    const int count = at + threads <= i ? threads : static_cast<int>(i - at);
#pragma unroll 8
    for (int j = 0; j < count; ++j) equal += tile[j] == token;
  }
  if (i < rows && equal) atomicAdd(before + i, equal);  // integers: any order
}

/// order[starts[token] + number of equal tokens before i] = i: a stable sort by token.
__global__ void list_tokens_kernel(const int32_t* tokens, const int32_t* starts, const int32_t* before, int32_t* order,
                                   int64_t rows, int64_t V) {
  const int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i >= rows || tokens[i] < 0 || tokens[i] >= V) return;
  order[starts[tokens[i]] + before[i]] = static_cast<int32_t>(i);
}

/// A warp takes a token with a short list.
template <class T>
__global__ void add_short_lists_kernel(const T* dx, const int32_t* starts, const int32_t* order, float scale,
                                       float* d_table, TokenShape s) {
  const int64_t v = (int64_t{blockIdx.x} * threads + threadIdx.x) / warp_size;
  if (v >= s.V) return;
  const int32_t first = starts[v], last = starts[v + 1];
  if (first == last || last - first > short_list) return;
  for (int64_t d = threadIdx.x % warp_size; d < s.D; d += warp_size) {
    float sum = 0;
#pragma unroll 4
    for (int32_t i = first; i < last; ++i) sum += to_float(dx[s.row(order[i]) * s.D + d]);
    d_table[v * s.D + d] += scale * sum;
  }
}

/// Block (token) with a longer list: `lists` groups of threads take a contiguous part of the list each; their sums are
/// added in order.
template <class T>
__global__ void add_lists_kernel(const T* dx, const int32_t* starts, const int32_t* order, float scale, float* d_table,
                                 TokenShape s) {
  __shared__ float sums[lists][64];
  const int64_t v = blockIdx.x;
  const int32_t first = starts[v], last = starts[v + 1];
  if (last - first <= short_list) return;
  const int32_t each = (last - first + lists - 1) / lists,
                from = min(first + static_cast<int32_t>(threadIdx.y) * each, last), to = min(from + each, last);
  for (int64_t column = 0; column < s.D; column += 64) {
    const int64_t d = column + threadIdx.x;
    float sum = 0;
    if (d < s.D) {
#pragma unroll 4
      for (int32_t i = from; i < to; ++i) sum += to_float(dx[s.row(order[i]) * s.D + d]);
    }
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && d < s.D) {
      float all = 0;
#pragma unroll
      for (int l = 0; l < lists; ++l) all += sums[l][threadIdx.x];
      d_table[v * s.D + d] += scale * all;
    }
    __syncthreads();
  }
}

void input_embedding(const Tensor& tokens, const Tensor& table, const Tensor* puzzle_rows, const Tensor* positions,
                     float scale, Tensor& out) {
  if (out.elements() == 0) return;
  Context& context = context_of(out);
  const int64_t B = out.size(0), N = out.size(1), D = out.size(2), P = N - tokens.size(1);
  for_activation(out, [&]<class T>() {
    embedding_kernel<T><<<blocks_for(B * N, 1), 128, 0, context.stream>>>(
        elements<int32_t>(tokens), elements<T>(table), puzzle_rows ? elements<float>(*puzzle_rows) : nullptr,
        positions ? elements<T>(*positions) : nullptr, scale, elements<T>(out), N, P, D, table.size(0),
        puzzle_rows ? puzzle_rows->size(1) : 0);
  });
  launched("input_embedding");
}

template <class T>
void add_to_small_table(Context& context, const Tensor& dx, const Tensor& tokens, float scale, Tensor& d_table,
                        const TokenShape& s, int64_t rows) {
  const int64_t chunk = std::max<int64_t>((rows + 4 * context.multiprocessors - 1) / (4 * context.multiprocessors), 16),
                count = (rows + chunk - 1) / chunk;
  const Tensor parts = Tensor::empty({count, s.V, s.D}, DType::float32, dx.device());
  const dim3 blocks(static_cast<unsigned>(count), blocks_for(s.D, columns));
  partial_tables_kernel<T><<<blocks, columns, static_cast<size_t>(s.V) * columns * sizeof(float), context.stream>>>(
      elements<T>(dx), elements<int32_t>(tokens), elements<float>(parts), s, chunk);
  add_tables_kernel<<<blocks_for(s.V * s.D, threads), threads, 0, context.stream>>>(
      elements<float>(parts), scale, elements<float>(d_table), s.V * s.D, count);
}

template <class T>
void add_lists(Context& context, const Tensor& dx, const int32_t* token, float scale, Tensor& d_table,
               const TokenShape& s, int64_t rows) {
  const Tensor counts = Tensor::zeros({s.V}, DType::int32, dx.device()),
               before = Tensor::zeros({rows}, DType::int32, dx.device()),
               starts = Tensor::empty({s.V + 1}, DType::int32, dx.device()),
               order = Tensor::empty({rows}, DType::int32, dx.device());
  count_tokens_kernel<<<blocks_for(rows, threads), threads, 0, context.stream>>>(token, elements<int32_t>(counts), rows,
                                                                                 s.V);
  scan_kernel<<<1, 1024, 0, context.stream>>>(elements<int32_t>(counts), elements<int32_t>(starts), s.V);
  rank_tokens_kernel<<<dim3(blocks_for(rows, threads), blocks_for(rows, span)), threads, 0, context.stream>>>(
      token, elements<int32_t>(before), rows);
  list_tokens_kernel<<<blocks_for(rows, threads), threads, 0, context.stream>>>(
      token, elements<int32_t>(starts), elements<int32_t>(before), elements<int32_t>(order), rows, s.V);
  add_short_lists_kernel<T><<<blocks_for(s.V * warp_size, threads), threads, 0, context.stream>>>(
      elements<T>(dx), elements<int32_t>(starts), elements<int32_t>(order), scale, elements<float>(d_table), s);
  add_lists_kernel<T><<<blocks_for(s.V, 1), dim3(64, lists), 0, context.stream>>>(
      elements<T>(dx), elements<int32_t>(starts), elements<int32_t>(order), scale, elements<float>(d_table), s);
}

template <class T>
void add_to_large_table(Context& context, const Tensor& dx, const Tensor& tokens, float scale, Tensor& d_table,
                        TokenShape s, int64_t rows) {
  for (; s.first < rows; s.first += most_listed)
    add_lists<T>(context, dx, elements<int32_t>(tokens) + s.first, scale, d_table, s,
                 std::min(most_listed, rows - s.first));
}

void input_embedding_backward(const Tensor& dx, const Tensor& tokens, float scale, Tensor& d_table,
                              Tensor* d_puzzle_rows, Tensor* d_positions) {
  Context& context = context_of(dx);
  const TokenShape s{dx.size(0), dx.size(1), dx.size(1) - tokens.size(1), dx.size(2), d_table.size(0)};
  const int64_t rows = tokens.elements(), ND = s.N * s.D;
  if (dx.elements() == 0) return;
  for_activation(dx, [&]<class T>() {
    if (rows > 0 && s.V <= small_vocabulary)
      add_to_small_table<T>(context, dx, tokens, scale, d_table, s, rows);
    else if (rows > 0)
      add_to_large_table<T>(context, dx, tokens, scale, d_table, s, rows);
    if (d_puzzle_rows && d_puzzle_rows->elements() > 0)
      puzzle_gradient_kernel<T><<<blocks_for(d_puzzle_rows->elements(), threads), threads, 0, context.stream>>>(
          elements<T>(dx), scale, elements<float>(*d_puzzle_rows), s.B, ND, d_puzzle_rows->size(1));
    if (d_positions)
      position_gradient_kernel<T><<<blocks_for(ND, threads), threads, 0, context.stream>>>(
          elements<T>(dx), scale, elements<float>(*d_positions), s.B, ND);
  });
  launched("input_embedding_backward");
}

}  // namespace

const Registration registration([] {
  kernels::input_embedding.set(DeviceKind::cuda, input_embedding);
  kernels::input_embedding_backward.set(DeviceKind::cuda, input_embedding_backward);
});

}  // namespace trm::cuda
