// Fills the forms of device/cuda/packed.h from the weights' values, once per optimizer step: all weights in one launch,
// a block a tile of one form.
#include "device/cuda/device_math.cuh"
#include "device/cuda/packed.h"
#include "device/kernels.h"

namespace trm::cuda {
namespace {

constexpr int threads = 256, tile = 32, copies = 4;  // packs that a thread copies

enum class Form : int { padded, interleaved, transposed };

/// One form of one weight [rows, columns]. padded, interleaved: to [rows, ld]; transposed: to [columns, rows].
struct Job {
  const __nv_bfloat16* from;
  __nv_bfloat16* to;
  int rows, columns, ld, first_block, wide;  // wide: elements of a pack
  Form form;

  int packs() const { return rows * ld / wide; }
  int blocks() const {
    const auto over = [](int n, int by) { return (n + by - 1) / by; };
    return form == Form::transposed ? over(rows, tile) * over(columns, tile) : over(packs(), threads * copies);
  }
};

constexpr int most_jobs = 64;
struct Jobs {
  Job job[most_jobs];
  int count;
};

/// to[r, c] = from[source row of r, c], zero behind `columns`. interleaved: 8 gate rows, 8 up rows, ...
template <int N>
__device__ void copy_rows(const Job& job, int block) {
#pragma unroll
  for (int i = 0; i < copies; ++i) {
    const int at = ((block * copies + i) * threads + static_cast<int>(threadIdx.x)) * N;
    if (at >= job.rows * job.ld) return;
    const int r = at / job.ld, c = at % job.ld;
    const int source = job.form == Form::interleaved ? r / 16 * 8 + r % 8 + (r % 16 < 8 ? 0 : job.rows / 2) : r;
    Pack<__nv_bfloat16, N> v{};
    if (c < job.columns) v = *reinterpret_cast<const Pack<__nv_bfloat16, N>*>(job.from + source * job.columns + c);
    *reinterpret_cast<Pack<__nv_bfloat16, N>*>(job.to + at) = v;
  }
}

__device__ void transpose(const Job& job, int block) {
  __shared__ __nv_bfloat16 part[tile][tile + 2];
  const int across = (job.columns + tile - 1) / tile, column = block % across * tile, row = block / across * tile,
            x = threadIdx.x % tile, y = threadIdx.x / tile;
#pragma unroll
  for (int r = y; r < tile; r += threads / tile)
    if (row + r < job.rows && column + x < job.columns) part[r][x] = job.from[(row + r) * job.columns + column + x];
  __syncthreads();
#pragma unroll
  for (int c = y; c < tile; c += threads / tile)
    if (column + c < job.columns && row + x < job.rows) job.to[(column + c) * job.rows + row + x] = part[x][c];
}

__global__ __launch_bounds__(threads) void pack_kernel(const __grid_constant__ Jobs jobs) {
  int j = 0;
  while (j + 1 < jobs.count && static_cast<int>(blockIdx.x) >= jobs.job[j + 1].first_block) ++j;
  const Job job = jobs.job[j];
  const int block = static_cast<int>(blockIdx.x) - job.first_block;
  if (job.form == Form::transposed)
    transpose(job, block);
  else if (job.wide == 8)
    copy_rows<8>(job, block);
  else
    copy_rows<1>(job, block);
}

/// Collects jobs and launches them when there are many.
class Launcher {
 public:
  explicit Launcher(Context& context) : context_(context) {}
  void add(Job job) {
    if (job.rows == 0 || job.columns == 0) return;
    job.first_block = blocks_;
    blocks_ += job.blocks();
    jobs_.job[jobs_.count++] = job;
    if (jobs_.count == most_jobs) launch();
  }
  void launch() {
    if (jobs_.count == 0) return;
    pack_kernel<<<static_cast<unsigned>(blocks_), threads, 0, context_.stream>>>(jobs_);
    launched("pack_weight");
    jobs_.count = blocks_ = 0;
  }

 private:
  Context& context_;
  Jobs jobs_{};
  int blocks_ = 0;
};

void pack_weight(const Tensor& first, const std::vector<Weight*>& weights) {
  Context& context = context_of(first);
  Launcher launcher(context);
  for (const Weight* w : weights) {
    const auto forward = forward_layout(context, w->out(), w->in(), w->value.dtype(), w->token);
    const auto backward = backward_layout(context, w->out(), w->in(), w->value.dtype(), w->token);
    const auto add = [&](const Tensor& packed, size_t offset, int64_t ld, Form form) {
      const bool wide = w->in() % 8 == 0 && aligned16(w->value);
      launcher.add({elements<__nv_bfloat16>(w->value),
                    reinterpret_cast<__nv_bfloat16*>(elements<char>(packed) + offset), static_cast<int>(w->out()),
                    static_cast<int>(w->in()), static_cast<int>(ld), 0, wide ? 8 : 1, form});
    };
    if (forward.has_padded) add(w->packed, forward.padded, forward.padded_ld, Form::padded);
    if (forward.has_interleaved) add(w->packed, forward.interleaved, forward.interleaved_ld, Form::interleaved);
    if (backward.has_transposed) add(w->packed_backward, backward.transposed, backward.transposed_ld, Form::transposed);
  }
  launcher.launch();
}

}  // namespace

const Registration registration([] { kernels::pack_weight.set(DeviceKind::cuda, pack_weight); });

}  // namespace trm::cuda
