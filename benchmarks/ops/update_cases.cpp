#include <algorithm>

#include "benchmarks/ops/cases.h"
#include "benchmarks/ops/maker.h"

namespace trm::bench {
namespace {

constexpr int64_t parameters = 12'600'000;  // chat's dense parameters

using Adam = void(const Tensor&, const Tensor&, const Tensor&, const AdamSettings&, ops::AdamState&);

void add_adam(std::vector<Case>& all, Adam* adam, const char* name) {
  all.push_back(
      {name, to_string(Shape{parameters}) + " with average and bfloat16 copy", 0, [=](DType, Device device) -> Run {
         Maker make{DType::float32, device};
         const Tensor g = make.random({parameters}, 1e-3f), square = make.zeros({1});
         ops::AdamState state{make.random({parameters}), make.zeros({parameters}), make.zeros({parameters}),
                              make.random({parameters}), Tensor::zeros({parameters}, DType::bfloat16, device)};
         Tensor counters = Tensor::zeros({Counter::count}, DType::int64, device),
                control = make.zeros({Control::count});
         ops::plan_update({}, square, nullptr, counters, control);
         const Tensor rates = Tensor::from(std::vector<float>{1e-4f, 0.999f}, {Rate::count}, device);
         return [=]() mutable { adam(g, control, rates, {}, state); };
       }});
}

}  // namespace

void add_update_cases(std::vector<Case>& all) {
  add_adam(all, ops::adamw, "adamw");
  add_adam(all, ops::adam_atan2, "adam_atan2");
  all.push_back(
      {"ema_update", to_string(Shape{parameters}) + " with bfloat16 copy", 0, [](DType, Device device) -> Run {
         Maker make{DType::float32, device};
         const Tensor control = Tensor::from(std::vector<float>(Control::count, 1.0f), {Control::count}, device),
                      rates = Tensor::from(std::vector<float>{1e-4f, 0.999f}, {Rate::count}, device);
         return [=, p = make.random({parameters}), ema = make.random({parameters}),
                 narrow = Tensor::zeros({parameters}, DType::bfloat16, device)]() mutable {
           ops::ema_update(p, control, rates, ema, narrow);
         };
       }});
  // sudoku_mlp's largest matrices, wide and tall
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{512, 1536}, {3072, 512}}) {
    const auto k = static_cast<double>(std::min(rows, columns)), n = static_cast<double>(rows * columns);
    all.push_back({"newton_schulz", to_string(Shape{2, rows, columns}) + ", 3 steps",
                   2 * 3 * (4 * n * k + 2 * k * k * k), [rows = rows, columns = columns](DType, Device device) -> Run {
                     Maker make{DType::float32, device};
                     const Tensor offsets = Tensor::from(std::vector<int64_t>{0, rows * columns}, {2}, device);
                     return [=, u = make.random({2 * rows * columns})]() mutable {
                       ops::newton_schulz(offsets, rows, columns, {}, 1, u);
                     };
                   }});
  }
  all.push_back({"muon_momentum", to_string(Shape{parameters}), 0, [](DType, Device device) -> Run {
                   Maker make{DType::float32, device};
                   const Tensor control =
                       Tensor::from(std::vector<float>(Control::count, 1.0f), {Control::count}, device);
                   return [=, g = make.random({parameters}), buffer = make.zeros({parameters}),
                           u = make.zeros({parameters})]() mutable { ops::muon_momentum(g, control, 0.6f, buffer, u); };
                 }});
  all.push_back(
      {"muon_step", to_string(Shape{parameters}) + " with average and bfloat16 copy", 0,
       [](DType, Device device) -> Run {
         Maker make{DType::float32, device};
         const Tensor control = Tensor::from(std::vector<float>(Control::count, 1.0f), {Control::count}, device),
                      rates = Tensor::from(std::vector<float>{1e-4f, 0.999f}, {Rate::count}, device);
         return [=, u = make.random({parameters}), p = make.random({parameters}), ema = make.random({parameters}),
                 narrow = Tensor::zeros({parameters}, DType::bfloat16, device)]() mutable {
           ops::muon_step(u, control, rates, 0.005f, p, ema, narrow);
         };
       }});
  const std::string dense = to_string(Shape{parameters});
  all.push_back({"sum_of_squares", dense, 2.0 * parameters, [](DType, Device device) -> Run {
                   Maker make{DType::float32, device};
                   return [x = make.random({parameters}), out = make.zeros({1})]() mutable {
                     ops::sum_of_squares(x, out);
                   };
                 }});
  all.push_back({"cast from float32", dense, 0, [](DType dtype, Device device) -> Run {
                   Maker make{DType::float32, device};
                   return [x = make.random({parameters}), out = Tensor::zeros({parameters}, dtype, device)]() mutable {
                     ops::cast_into(x, out);
                   };
                 }});
  all.push_back({"add", to_string(Shape{16, 97, 512}), 0, [](DType dtype, Device device) -> Run {
                   Maker make{dtype, device};
                   return [a = make.random({16, 97, 512}), b = make.random({16, 97, 512})] { ops::add(a, b); };
                 }});
}

}  // namespace trm::bench
