#include "benchmarks/ops/cases.h"
#include "benchmarks/ops/maker.h"

namespace trm::bench {
namespace {

constexpr int64_t parameters = 12'600'000;  // chat's dense parameters

void add_adam(std::vector<Case>& all, ops::Optimizer optimizer, const char* name) {
  all.push_back(
      {name, to_string(Shape{parameters}) + " with average and bfloat16 copy", 0, [=](DType, Device device) -> Run {
         Maker make{DType::float32, device};
         const Tensor g = make.random({parameters}, 1e-3f), square = make.zeros({1});
         ops::AdamState state{make.random({parameters}), make.zeros({parameters}), make.zeros({parameters}),
                              make.random({parameters}), Tensor::zeros({parameters}, DType::bfloat16, device)};
         Tensor counters = Tensor::zeros({Counter::count}, DType::int64, device),
                control = make.zeros({Control::count});
         UpdatePlan plan;
         plan.lr = 1e-4f;
         plan.total_steps = 1000;
         ops::plan_update(plan, square, nullptr, counters, control);
         AdamSettings settings;
         settings.ema_rate = 0.999f;
         return [=]() mutable { ops::adam_update(optimizer, g, control, settings, state); };
       }});
}

}  // namespace

void add_update_cases(std::vector<Case>& all) {
  add_adam(all, ops::Optimizer::adamw, "adamw");
  add_adam(all, ops::Optimizer::adam_atan2, "adam_atan2");
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
