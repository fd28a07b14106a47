#include "benchmarks/ops/cases.h"

#include "benchmarks/ops/maker.h"

namespace trm::bench {
namespace {

constexpr float eps = 1e-5f;

void add_linear(std::vector<Case>& all, int64_t m, int64_t out, int64_t in, bool training) {
  const std::string shape = to_string(Shape{m, in}) + " x " + to_string(Shape{out, in});
  const double flops = 2.0 * static_cast<double>(m * out * in);
  all.push_back({"linear", shape, flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [x = make.random({m, in}), w = make.weight(out, in, false)] { ops::linear(x, w); };
                 }});
  all.push_back({"linear_residual_rms_norm", shape, flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [x = make.random({m, in}), w = make.weight(out, in, false), r = make.random({m, out})] {
                     ops::linear_residual_rms_norm(x, w, r, eps, nullptr);
                   };
                 }});
  if (m > 1 && m <= 64)
    all.push_back({"linear_apart", shape, flops, [=](DType dtype, Device device) -> Run {
                     Maker make{dtype, device};
                     return [x = make.random({m, in}), w = make.weight(out, in, false)] { ops::linear_apart(x, w); };
                   }});
  if (!training) return;
  all.push_back({"linear_backward_input", shape, flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [dy = make.random({m, out}), w = make.weight(out, in, false)] { ops::linear_backward_input(dy, w); };
                 }});
  all.push_back({"linear_backward_weight", shape, flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [dy = make.random({m, out}), x = make.random({m, in}), dw = make.zeros({out, in})]() mutable {
                     ops::linear_backward_weight(dy, x, dw);
                   };
                 }});
}

void add_token(std::vector<Case>& all, int64_t batch, int64_t out, int64_t in, int64_t width) {
  const std::string shape = to_string(Shape{out, in}) + " x " + to_string(Shape{batch, in, width});
  const double flops = 2.0 * static_cast<double>(batch * out * in * width);
  all.push_back({"token_linear", shape, flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [x = make.random({batch, in, width}), w = make.weight(out, in, true)] { ops::token_linear(x, w); };
                 }});
  all.push_back({"token_linear_backward_input", shape, flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [dy = make.random({batch, out, width}), w = make.weight(out, in, true)] { ops::token_linear_backward_input(dy, w); };
                 }});
  all.push_back({"token_linear_backward_weight", shape, flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [dy = make.random({batch, out, width}), x = make.random({batch, in, width}), dw = make.zeros({out, in})]() mutable {
                     ops::token_linear_backward_weight(dy, x, dw);
                   };
                 }});
}

/// One half of a block: x [batch, n, width]; token weights act on n, the others on width.
void add_block(std::vector<Case>& all, int64_t batch, int64_t n, int64_t width, int64_t inner, bool token, bool training) {
  const int64_t axis = token ? n : width, rows = batch * (token ? width : n);
  const std::string name = token ? "token_" : "", shape = to_string(Shape{batch, n, width}) + ", inner " + std::to_string(inner);
  const double flops = 2.0 * static_cast<double>(rows * axis * inner);
  const Shape x_shape{batch, n, width}, wide = token ? Shape{batch, 2 * inner, width} : Shape{batch, n, 2 * inner},
              narrow = token ? Shape{batch, inner, width} : Shape{batch, n, inner};
  all.push_back({token ? "token_mixer" : "channel_mixer", shape, 3 * flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [x = make.random(x_shape), up = make.weight(2 * inner, axis, token), down = make.weight(axis, inner, token)] {
                     ops::swiglu_block(x, up, down, eps);
                   };
                 }});
  all.push_back({name + "linear_swiglu", shape, 2 * flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [x = make.random(x_shape), up = make.weight(2 * inner, axis, token)] { ops::linear_swiglu(x, up, nullptr); };
                 }});
  all.push_back({name + "linear_residual_rms_norm", to_string(narrow) + " to " + std::to_string(axis), flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [h = make.random(narrow), down = make.weight(axis, inner, token), x = make.random(x_shape)] {
                     ops::linear_residual_rms_norm(h, down, x, eps, nullptr);
                   };
                 }});
  if (!training) return;
  all.push_back({name + "linear_swiglu keeping gate_up", shape, 2 * flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [x = make.random(x_shape), up = make.weight(2 * inner, axis, token)] {
                     Tensor kept;
                     ops::linear_swiglu(x, up, &kept);
                   };
                 }});
  all.push_back({name + "linear_swiglu_backward", shape, flops, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [dy = make.random(x_shape), down = make.weight(axis, inner, token), kept = make.random(wide)] {
                     ops::linear_swiglu_backward(dy, down, kept);
                   };
                 }});
  if (!token)
    all.push_back({"residual_rms_norm", to_string(x_shape), 4.0 * static_cast<double>(rows * axis), [=](DType dtype, Device device) -> Run {
                     Maker make{dtype, device};
                     return [x = make.random(x_shape), r = make.random(x_shape)] {
                       Tensor rstd;
                       ops::residual_rms_norm(x, r, eps, &rstd);
                     };
                   }});
  all.push_back({name + "rms_norm_backward", to_string(x_shape), 6.0 * static_cast<double>(rows * axis), [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   const Tensor rstd = Tensor::zeros(token ? Shape{batch, width} : Shape{batch, n}, DType::float32, device);
                   return [dy = make.random(x_shape), y = make.random(x_shape), rstd, token] { ops::rms_norm_backward(dy, y, rstd, token); };
                 }});
}

void add_pack(std::vector<Case>& all, int64_t out, int64_t in) {
  all.push_back({"pack_weight", to_string(Shape{out, in}), 0, [=](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [w = make.weight(out, in, false)]() mutable { ops::repack(w); };
                 }});
}

}  // namespace

std::vector<Case> cases() {
  std::vector<Case> all;
  add_block(all, 16, 97, 512, 512, true, true);    // sudoku, mlp_t: the sequence
  add_block(all, 16, 97, 512, 1536, false, true);  // sudoku: the width
  add_block(all, 2, 512, 384, 1024, false, true);  // chat
  add_linear(all, 1552, 1536, 512, true);          // sudoku: qkv, o, down, gate_up
  add_linear(all, 1552, 512, 512, true);
  add_linear(all, 1552, 512, 1536, true);
  add_linear(all, 1552, 3072, 512, true);
  add_linear(all, 1024, 1152, 384, true);  // chat: qkv, head
  add_linear(all, 1024, 4096, 384, true);
  add_token(all, 16, 1024, 97, 512);
  add_token(all, 16, 97, 512, 512);
  add_block(all, 1, 1, 384, 1024, false, false);  // decoding one token
  for (const auto& [out, in] : {std::pair{1152, 384}, std::pair{384, 384}, std::pair{50266, 384}}) add_linear(all, 1, out, in, false);
  for (const int64_t m : {2, 4, 8, 9, 16}) add_linear(all, m, 1152, 384, false);
  add_pack(all, 3072, 512);
  add_attention_cases(all);
  add_loss_cases(all);
  add_model_cases(all);
  add_update_cases(all);
  return all;
}

}  // namespace trm::bench
