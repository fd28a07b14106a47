// Times the CUDA kernels at the sizes of the presets, each beside the simpler versions of the same op, and checks that
// they agree:
//   cuda_ladder [section...]    of: ceilings channel token attention loss head decoding optimizer; all where none is
//   named
// A rung is timed as a captured graph of ten calls, the median of seven replays.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "device/arena.h"
#include "device/backend.h"
#include "device/kernels.h"
#include "device/ops.h"
#include "device/random.h"

namespace {

using namespace trm;

const Device cuda{DeviceKind::cuda, 0};
std::vector<std::string> wanted;
double worst_disagreement = 0;

bool is_wanted(const char* section) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), section) != wanted.end();
}

double microseconds_of(const std::function<void()>& call) {
  Backend& backend = Backend::of(cuda);
  constexpr int calls = 10;
  call();
  const auto graph = backend.capture([&] {
    for (int i = 0; i < calls; ++i) call();
  });
  graph->replay();
  backend.synchronize();
  std::vector<double> times;
  for (int i = 0; i < 7; ++i) {
    const auto start = std::chrono::steady_clock::now();
    graph->replay();
    backend.synchronize();
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() /
                    calls);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

/// One line: time, and what it means in TFLOP/s and GB/s (zero: not said).
void rung(const std::string& name, double flops, double bytes, const std::function<void()>& call) {
  try {
    const double us = microseconds_of(call);
    std::printf("%-58s %9.1f us", name.c_str(), us);
    if (flops > 0) std::printf("  %6.1f TFLOP/s", flops / us * 1e-6);
    if (bytes > 0) std::printf("  %7.1f GB/s", bytes / us * 1e-3);
    std::printf("\n");
  } catch (const std::exception& failure) {
    std::printf("%-58s FAILED: %s\n", name.c_str(), failure.what());
    worst_disagreement = INFINITY;
  }
  std::fflush(stdout);
}

Tensor random_tensor(const Shape& shape, DType dtype, uint64_t seed, float scale = 1) {
  std::vector<float> values(static_cast<size_t>(shape.elements()));
  for (size_t i = 0; i < values.size(); i += 4) {
    const auto bits = philox(seed, static_cast<uint32_t>(i), 0, 0, 0);
    for (size_t j = 0; j < 4 && i + j < values.size(); ++j)
      values[i + j] = scale * 3.4f * (uniform(bits[j]) - 0.5f);  // about unit variance
  }
  const Tensor wide = Tensor::from(values, shape, cuda);
  return dtype == DType::float32 ? wide : ops::cast(wide, dtype);
}

Weight random_weight(int64_t out, int64_t in, uint64_t seed, bool token, bool packed) {
  Weight w =
      ops::make_weight(random_tensor({out, in}, DType::bfloat16, seed, 1 / std::sqrt(static_cast<float>(in))), token);
  if (packed) ops::repack(w);
  return w;
}

void compare(const std::string& name, const Tensor& a, const Tensor& b, double tolerance = 0.02) {
  const auto x = a.to_vector<float>(), y = b.to_vector<float>();
  double difference = 0, largest = 0, square = 0, norm = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const double d = std::isfinite(x[i]) ? std::abs(x[i] - y[i]) : INFINITY;
    difference = std::max(difference, d);
    largest = std::max<double>(largest, std::abs(y[i]));
    square += d * d;
    norm += static_cast<double>(y[i]) * y[i];
  }
  const double error = difference / largest;
  std::printf("    %-54s max %.2e, norm %.2e%s\n", (name + ": difference").c_str(), error, std::sqrt(square / norm),
              error < tolerance ? "" : "  DISAGREES");
  worst_disagreement = std::max(worst_disagreement, error / tolerance);
  std::fflush(stdout);
}

void ceilings() {
  const Tensor from = random_tensor({74496, 3072}, DType::bfloat16, 1);
  const Tensor to = Tensor::empty(from.shape(), DType::bfloat16, cuda);
  rung("ceiling: copy", 0, 2.0 * static_cast<double>(from.bytes()), [&] { to.copy_from(from); });
  const Tensor x = random_tensor({74496, 512}, DType::bfloat16, 2);
  const Weight w = random_weight(3072, 512, 3, false, false);
  rung("ceiling: cublasLt product 74496 x 3072 x 512", 2.0 * 74496 * 3072 * 512, 0, [&] { ops::linear(x, w); });
}

void channel(int64_t M, int64_t D, int64_t I, const std::string& at) {
  const Tensor x = random_tensor({M, D}, DType::bfloat16, 4), dy = random_tensor({M, D}, DType::bfloat16, 5);
  const double product = 2.0 * static_cast<double>(M * D * I), element = 2.0 * static_cast<double>(M);
  Tensor kept[2], h[2], y[2], rstd[2];
  ops::SwigluGradient g[2];
  for (int packed = 0; packed < 2; ++packed) {
    const Weight up = random_weight(2 * I, D, 6, false, packed), down = random_weight(D, I, 7, false, packed);
    const std::string how = packed ? " fused" : " simple";
    h[packed] = ops::linear_swiglu(x, up, &kept[packed]);
    rung("gate-up" + at + how, 2 * product, element * (D + I), [&] { ops::linear_swiglu(x, up, nullptr); });
    rung("gate-up kept" + at + how, 2 * product, element * (D + 3 * I),
         [&] { ops::linear_swiglu(x, up, &kept[packed]); });
    y[packed] = ops::linear_residual_rms_norm(h[packed], down, x, 1e-5f, &rstd[packed]);
    rung("down+norm" + at + how, product, element * (I + 2 * D),
         [&] { ops::linear_residual_rms_norm(h[packed], down, x, 1e-5f, nullptr); });
    g[packed] = ops::linear_swiglu_backward(dy, down, kept[packed]);
    rung("swiglu backward" + at + how, product, element * (D + 5 * I),
         [&] { ops::linear_swiglu_backward(dy, down, kept[packed]); });
  }
  compare("gate-up" + at, h[1], h[0]);
  compare("gate-up kept" + at, kept[1], kept[0]);
  compare("down+norm" + at, y[1], y[0]);
  compare("down+norm rstd" + at, rstd[1], rstd[0]);
  compare("swiglu backward d_gate_up" + at, g[1].d_gate_up, g[0].d_gate_up);
  compare("swiglu backward h" + at, g[1].h, g[0].h);
  const Weight up = random_weight(2 * I, D, 6, false, true), down = random_weight(D, I, 7, false, true);
  Tensor dx = random_tensor({M, D}, DType::bfloat16, 8), dw_up = Tensor::zeros({2 * I, D}, DType::float32, cuda),
         dw_down = Tensor::zeros({D, I}, DType::float32, cuda);
  rung("dx of gate-up" + at, 2 * product, 0, [&] { ops::linear_backward_input_into(g[1].d_gate_up, up, dx); });
  rung("dw of gate-up" + at, 2 * product, 0, [&] { ops::linear_backward_weight(g[1].d_gate_up, x, dw_up); });
  rung("dw of down" + at, product, 0, [&] { ops::linear_backward_weight(dy, g[1].h, dw_down); });
  const Tensor flat = rstd[1].reshape({M});
  rung("rms norm backward" + at, 0, element * 3 * D, [&] { ops::rms_norm_backward(dy, y[1], flat, false); });
  rung("add3" + at, 0, element * 4 * D, [&] { ops::add(x, dy, y[1]); });
}

/// Training: what keeps gate and up beside what keeps nothing and computes them again.
void token_training(const Tensor& x, const Tensor& ds, const Weight& up, const Weight& down) {
  const int64_t B = x.size(0), N = x.size(1), D = x.size(2), I = down.in();
  const double product = 2.0 * static_cast<double>(B * N * D * I), element = 2.0 * static_cast<double>(B * D);
  Tensor rstd[2], kept, dx[2], dw_up[2], dw_down[2];
  const auto fresh = [&](int i) {
    dx[i] = Tensor::empty(x.shape(), x.dtype(), cuda);
    dx[i].copy_from(ds);
    dw_up[i] = Tensor::zeros({2 * I, N}, DType::float32, cuda);
    dw_down[i] = Tensor::zeros({N, I}, DType::float32, cuda);
  };
  const auto composed = [&] {
    const auto g = ops::linear_swiglu_backward(ds, down, kept);
    ops::token_linear_backward_weight(ds, g.h, dw_down[0]);
    ops::token_linear_backward_weight(g.d_gate_up, x, dw_up[0]);
    ops::token_linear_backward_input_into(g.d_gate_up, up, dx[0]);
  };
  const auto recomputed = [&] { ops::swiglu_block_backward(dx[1], x, up, down, &dw_up[1], &dw_down[1]); };
  const Tensor y0 = ops::linear_residual_rms_norm(ops::linear_swiglu(x, up, &kept), down, x, 1e-5f, &rstd[0]);
  const Tensor y1 = ops::swiglu_block_forward(x, up, down, 1e-5f, rstd[1]);
  fresh(0);
  fresh(1);
  composed();
  recomputed();
  compare("token forward y", y1, y0);
  compare("token forward rstd", rstd[1], rstd[0]);
  compare("token backward dx", dx[1], dx[0]);
  compare("token backward dw of gate-up", dw_up[1], dw_up[0]);
  compare("token backward dw of down", dw_down[1], dw_down[0]);
  rung("token forward, keeping rstd, on chip", 3 * product, element * 2 * N,
       [&] { ops::swiglu_block_forward(x, up, down, 1e-5f, rstd[1]); });
  rung("token backward simple", 6 * product, element * (13 * I + 5 * N), composed);
  rung("token backward on chip", 6 * product, element * (6 * I + 8 * N), recomputed);
  rung("token backward on chip, without weights", 3 * product, element * (3 * I + 3 * N),
       [&] { ops::swiglu_block_backward(dx[1], x, up, down, nullptr, nullptr); });
}

void token(int64_t B, int64_t N, int64_t D, int64_t I) {
  const Tensor x = random_tensor({B, N, D}, DType::bfloat16, 10), dy = random_tensor({B, N, D}, DType::bfloat16, 11);
  const double product = 2.0 * static_cast<double>(B * N * D * I), element = 2.0 * static_cast<double>(B * D);
  Tensor y[3], kept;
  for (int version = 0; version < 3; ++version) {  // unpadded weights, padded weights, one kernel
    const Weight up = random_weight(2 * I, N, 12, true, version > 0), down = random_weight(N, I, 13, true, version > 0);
    const std::string how = std::array{" simple", " padded weights", " on chip"}[version];
    const auto mixer = [&] {
      return version == 2 ? ops::swiglu_block(x, up, down, 1e-5f)
                          : ops::linear_residual_rms_norm(ops::linear_swiglu(x, up, nullptr), down, x, 1e-5f, nullptr);
    };
    y[version] = mixer();
    rung("token mixer" + how, 3 * product, element * 2 * N, [&] { mixer(); });
  }
  compare("token mixer on chip", y[2], y[0]);
  compare("token mixer padded weights", y[1], y[0]);
  const Weight up = random_weight(2 * I, N, 12, true, true), down = random_weight(N, I, 13, true, true);
  Tensor rstd, dx = random_tensor({B, N, D}, DType::bfloat16, 14);
  const Tensor h = ops::linear_swiglu(x, up, &kept), out = ops::linear_residual_rms_norm(h, down, x, 1e-5f, &rstd);
  rung("token gate-up kept", 2 * product, element * (N + 3 * I), [&] { ops::linear_swiglu(x, up, &kept); });
  rung("token down+norm", product, element * (I + 2 * N),
       [&] { ops::linear_residual_rms_norm(h, down, x, 1e-5f, &rstd); });
  rung("token rms norm backward", 0, element * 3 * N, [&] { ops::rms_norm_backward(dy, out, rstd, true); });
  const auto g = ops::linear_swiglu_backward(dy, down, kept);
  rung("token swiglu backward", product, element * (N + 5 * I), [&] { ops::linear_swiglu_backward(dy, down, kept); });
  Tensor dw_up = Tensor::zeros({2 * I, N}, DType::float32, cuda), dw_down = Tensor::zeros({N, I}, DType::float32, cuda);
  rung("token dx", 2 * product, element * (2 * I + 2 * N),
       [&] { ops::token_linear_backward_input_into(g.d_gate_up, up, dx); });
  rung("token dw of gate-up", 2 * product, element * (2 * I + N),
       [&] { ops::token_linear_backward_weight(g.d_gate_up, x, dw_up); });
  rung("token dw of down", product, element * (I + N), [&] { ops::token_linear_backward_weight(dy, g.h, dw_down); });
  token_training(x, dy, up, down);
}

/// RoPE as a pass of its own and in the epilogues of the qkv product and of attention's backward.
void rope_in_epilogues(const Tensor& qkv, const Tensor& dout, const Tensor& out, const Tensor& lse, int heads,
                       bool causal, const std::string& at) {
  const int64_t B = qkv.size(0), N = qkv.size(1), inner = out.size(2), D = inner;
  const auto tables = ops::make_rope_tables(N, static_cast<int>(inner / heads), 10000, cuda);
  Tensor turned = Tensor::empty(qkv.shape(), qkv.dtype(), cuda);
  turned.copy_from(qkv);
  rung("rope" + at, 0, 8.0 * static_cast<double>(out.elements()), [&] { ops::rope(turned, tables, heads); });
  const Weight w = random_weight(3 * inner, D, 22, false, true);
  const Tensor x = random_tensor({B, N, D}, DType::bfloat16, 23);
  const double flops = 6.0 * static_cast<double>(B * N * inner * D);
  Tensor simple = ops::linear(x, w);
  ops::rope(simple, tables, heads);
  compare("qkv product and rope" + at, ops::linear_rope(x, w, tables, heads), simple);
  rung("qkv product" + at, flops, 0, [&] { ops::linear(x, w); });
  rung("qkv product and rope fused" + at, flops, 0, [&] { ops::linear_rope(x, w, tables, heads); });
  simple = ops::attention_backward(dout, qkv, out, lse, heads, causal);
  ops::rope(simple, tables, heads, nullptr, true);
  compare("attention backward and rope" + at, ops::attention_backward(dout, qkv, out, lse, heads, causal, &tables),
          simple);
  rung("attention backward and rope fused" + at, 0, 16.0 * static_cast<double>(out.elements()),
       [&] { ops::attention_backward(dout, qkv, out, lse, heads, causal, &tables); });
}

void attention(int64_t B, int64_t N, int heads, int64_t head_dim, bool causal, const std::string& at) {
  const int64_t inner = heads * head_dim;
  const Tensor qkv = random_tensor({B, N, 3 * inner}, DType::bfloat16, 20),
               dout = random_tensor({B, N, inner}, DType::bfloat16, 21);
  const double product = 2.0 * static_cast<double>(B * N * N * inner) / (causal ? 2 : 1),
               element = 2.0 * static_cast<double>(B * N * inner);
  Tensor lse;
  const Tensor out = ops::attention(qkv, heads, causal, &lse);
  const Tensor dqkv = ops::attention_backward(dout, qkv, out, lse, heads, causal);
  {  // against float32 on some examples
    const int64_t some = std::min<int64_t>(B, 4);
    const Tensor wide = ops::cast(qkv.rows(0, some), DType::float32),
                 wide_dout = ops::cast(dout.rows(0, some), DType::float32);
    Tensor wide_lse;
    const Tensor wide_out = ops::attention(wide, heads, causal, &wide_lse);
    compare("attention" + at, out.rows(0, some), wide_out);
    compare("attention backward" + at, dqkv.rows(0, some),
            ops::attention_backward(wide_dout, wide, wide_out, wide_lse, heads, causal));
  }
  rung("attention" + at, 2 * product, element * 4, [&] { ops::attention(qkv, heads, causal, nullptr); });
  rung("attention backward" + at, 5 * product, element * 8,
       [&] { ops::attention_backward(dout, qkv, out, lse, heads, causal); });
  rope_in_epilogues(qkv, dout, out, lse, heads, causal, at);
}

void head_loss(int64_t B, int64_t S, int64_t D, int64_t V, LossKind kind, const std::string& at) {
  const Tensor x = random_tensor({B, S, D}, DType::bfloat16, 30), scale = random_tensor({B}, DType::float32, 31);
  const Weight w = random_weight(V, D, 32, false, true);
  std::vector<int32_t> ids(static_cast<size_t>(B * S));
  for (size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<int32_t>(philox(33, static_cast<uint32_t>(i), 0, 0, 0)[0] % static_cast<uint32_t>(V));
  const Tensor labels = Tensor::from(ids, {B, S}, cuda);
  Tensor dx, dw = Tensor::zeros({V, D}, DType::float32, cuda), d_table = Tensor::zeros({V, D}, DType::float32, cuda);
  rung("linear cross entropy" + at, 6.0 * static_cast<double>(B * S * D * V), 0,
       [&] { ops::linear_cross_entropy(x, w, labels, scale, kind, &dx, &dw); });
  rung("embedding backward" + at, 0, 2.0 * static_cast<double>(B * S * D),
       [&] { ops::input_embedding_backward(x, labels, 1, d_table, nullptr, nullptr); });
}

/// The three products of a head and the loss over its logits, one by one.
void head_products(int64_t M, int64_t D, int64_t V) {
  const std::string at = " " + std::to_string(M) + " x " + std::to_string(V) + " x " + std::to_string(D);
  const double product = 2.0 * static_cast<double>(M * D * V);
  const Tensor x = random_tensor({M, D}, DType::bfloat16, 34), scale = random_tensor({1}, DType::float32, 35);
  Tensor logits = random_tensor({1, M, V}, DType::bfloat16, 36), dw = Tensor::zeros({V, D}, DType::float32, cuda);
  const Tensor rows = logits.reshape({M, V}), labels = Tensor::zeros({1, M}, DType::int32, cuda);
  const Weight w = random_weight(V, D, 37, false, true);
  rung("head: logits" + at, product, 0, [&] { ops::linear(x, w); });
  rung("head: dx" + at, product, 0, [&] { ops::linear_backward_input(rows, w); });
  rung("head: dw" + at, product, 0, [&] { ops::linear_backward_weight(rows, x, dw); });
  const double bytes = 2.0 * static_cast<double>(M * V);
  rung("head: loss" + at, 0, bytes, [&] { ops::cross_entropy(logits, labels, LossKind::softmax); });
  const auto loss = ops::cross_entropy(logits, labels, LossKind::softmax);
  rung("head: loss backward" + at, 0, 2 * bytes,
       [&] { ops::cross_entropy_backward(logits, labels, loss.normalizer, scale, LossKind::softmax); });
}

/// One decoded position at the sizes of the chat model: a level of four blocks, and the head's product.
void decoding(int64_t D, int heads, int64_t I, int64_t S, int64_t V) {
  std::vector<CachedBlock> blocks;
  for (uint64_t b = 0; b < 4; ++b)
    blocks.push_back({random_weight(3 * D, D, 70 + b, false, true), random_weight(D, D, 74 + b, false, true),
                      random_weight(2 * I, D, 78 + b, false, true), random_weight(D, I, 82 + b, false, true),
                      random_tensor({1, S, D}, DType::bfloat16, 86 + b),
                      random_tensor({1, S, D}, DType::bfloat16, 90 + b)});
  const auto rope = ops::make_rope_tables(S, static_cast<int>(D / heads), 10000, cuda);
  const Tensor slot = Tensor::zeros({1}, DType::int32, cuda),
               position = Tensor::from(std::vector<int32_t>{static_cast<int32_t>(S - 1)}, {1}, cuda);
  std::vector<Tensor> inputs;
  for (uint64_t i = 0; i < 3; ++i) inputs.push_back(random_tensor({1, 1, D}, DType::bfloat16, 94 + i));
  Tensor y[2];
  const auto level = [&] { return ops::cached_level(inputs, blocks, &rope, slot, position, heads, 1e-5f); };
  const double bytes = 2.0 * 4 * static_cast<double>(4 * D * D + 3 * I * D + 2 * S * D);
  auto& disabled = dispatch_settings().disabled;
  for (int fused = 0; fused < 2; ++fused) {
    if (!fused) disabled.emplace_back("cached_level");
    y[fused] = level();
    rung(fused ? "decoding: a level, fused" : "decoding: a level, composed", 0, bytes, level);
    if (!fused) disabled.pop_back();
  }
  compare("decoding: a level", y[1], y[0]);
  const Weight head = random_weight(V, D, 98, false, true);
  for (const int64_t M : {1, 4, 5}) {
    const Tensor x = random_tensor({M, D}, DType::bfloat16, 99);
    rung("decoding: head, " + std::to_string(M) + (M < 5 ? " rows" : " rows (cublasLt)"), 0,
         2.0 * static_cast<double>(V * D), [&] { ops::linear(x, head); });
  }
}

void optimizer(int64_t n) {
  const Tensor g = random_tensor({n}, DType::float32, 40),
               control = Tensor::from(std::vector<float>{1, 1, 1, 0.5f, 0.5f}, {Control::count}, cuda),
               rates = Tensor::from(std::vector<float>{1e-4f, 0}, {Rate::count}, cuda);
  ops::AdamState state{random_tensor({n}, DType::float32, 41), Tensor::zeros({n}, DType::float32, cuda),
                       Tensor::zeros({n}, DType::float32, cuda), Tensor::zeros({n}, DType::float32, cuda),
                       Tensor::empty({n}, DType::bfloat16, cuda)};
  Tensor square = Tensor::empty({1}, DType::float32, cuda);
  const auto count = static_cast<double>(n);
  rung("adamw", 0, 38 * count, [&] { ops::adamw(g, control, rates, {}, state); });
  rung("adam-atan2", 0, 38 * count, [&] { ops::adam_atan2(g, control, rates, {}, state); });
  Tensor u = random_tensor({n}, DType::float32, 42), buffer = Tensor::zeros({n}, DType::float32, cuda);
  rung("muon momentum", 0, 16 * count, [&] { ops::muon_momentum(g, control, 0.6f, buffer, u); });
  rung("muon step", 0, 22 * count, [&] { ops::muon_step(u, control, rates, 0, state.p, state.ema, state.narrow); });
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{512, 1536}, {3072, 512}, {97, 512}}) {
    if (2 * rows * columns > n) continue;
    const Tensor offsets = Tensor::from(std::vector<int64_t>{0, rows * columns}, {2}, cuda);
    const auto k = static_cast<double>(std::min(rows, columns)), size = static_cast<double>(rows * columns);
    rung("newton-schulz, 2 of " + to_string(Shape{rows, columns}), 2 * 3 * (4 * size * k + 2 * k * k * k), 0,
         [&] { ops::newton_schulz(offsets, rows, columns, {}, 1, u); });
  }
  rung("sum of squares", 0, 4 * count, [&] { ops::sum_of_squares(g, square); });
}

}  // namespace

int main(int argc, char** argv) {
  wanted.assign(argv + 1, argv + argc);
  try {
    const DeviceInfo info = Backend::of(cuda).info();
    std::printf("%s, %s\n", info.name.c_str(), info.driver.c_str());
    if (is_wanted("ceilings")) ceilings();
    if (is_wanted("channel")) {
      channel(768 * 97, 512, 1536, ", sudoku");
      channel(32 * 512, 384, 1024, ", chat");
    }
    if (is_wanted("token")) token(768, 97, 512, 512);
    if (is_wanted("attention")) {
      attention(768, 97, 8, 64, false, ", sudoku");
      attention(192, 916, 8, 64, false, ", maze");
      attention(32, 512, 12, 32, true, ", chat");
    }
    if (is_wanted("loss")) {
      head_loss(768, 81, 512, 11, LossKind::stablemax, ", sudoku");
      head_loss(32, 512, 384, 50266, LossKind::softmax, ", chat");
    }
    if (is_wanted("head"))
      for (const int64_t V : {50266, 50272, 50304}) head_products(4096, 384, V);
    if (is_wanted("decoding")) decoding(384, 12, 1024, 512, 50266);
    if (is_wanted("optimizer")) optimizer(46'000'000);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "error: %s\n", failure.what());
    return 1;
  }
  std::printf(worst_disagreement < 1 ? "all versions agree\n" : "SOME VERSIONS DISAGREE\n");
  return worst_disagreement < 1 ? 0 : 1;
}
