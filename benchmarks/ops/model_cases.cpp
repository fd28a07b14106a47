#include "benchmarks/ops/cases.h"
#include "benchmarks/ops/maker.h"

namespace trm::bench {
namespace {

/// One of the small ops around the recursion. `make` gets the dtype of activations and returns what runs it once.
using Make = std::function<Run(Maker)>;
void add_case(std::vector<Case>& all, const char* op, const std::string& shape, Make make, double flops = 0) {
  all.push_back({op, shape, flops, [=](DType dtype, Device device) { return make(Maker{dtype, device}); }});
}

void add_rotations(std::vector<Case>& all, int64_t batch, int64_t n, int heads, int64_t head_dim, bool causal) {
  const int64_t inner = heads * head_dim;
  const std::string shape =
      to_string(Shape{batch, n, inner}) + ", " + std::to_string(heads) + " heads" + (causal ? ", causal" : "");
  add_case(
      all, "linear_rope", shape,
      [=](Maker make) -> Run {
        const auto tables = ops::make_rope_tables(n, static_cast<int>(head_dim), 10000.0, make.device);
        return [x = make.random({batch, n, inner}), w = make.weight(3 * inner, inner, false), tables, heads] {
          ops::linear_rope(x, w, tables, heads);
        };
      },
      6.0 * static_cast<double>(batch * n * inner * inner));
  add_case(
      all, "attention_rope_backward", shape,
      [=](Maker make) -> Run {
        const auto tables = ops::make_rope_tables(n, static_cast<int>(head_dim), 10000.0, make.device);
        const Tensor x = make.random({batch, n, 3 * inner}), dout = make.random({batch, n, inner});
        Tensor lse;
        const Tensor y = ops::attention(x, heads, causal, &lse);
        return [=] { ops::attention_backward(dout, x, y, lse, heads, causal, &tables); };
      },
      10.0 * static_cast<double>(batch * n * n * inner) / (causal ? 2 : 1));
}

void add_halting(std::vector<Case>& all, int64_t batch, int64_t n, int64_t width) {
  const std::string rows = to_string(Shape{batch, n, width});
  const auto flags = [=](Maker& make) {
    std::vector<uint8_t> halted(static_cast<size_t>(batch));
    for (size_t i = 0; i < halted.size(); i += 3) halted[i] = 1;
    return Tensor::from(halted, {batch}, make.device);
  };
  const auto steps = [=](Maker& make) {
    return Tensor::from(std::vector<int32_t>(static_cast<size_t>(batch), 3), {batch}, make.device);
  };
  add_case(all, "reset_rows", rows, [=](Maker make) -> Run {
    return [halted = flags(make), init = make.random({width}), z = make.random({batch, n, width})]() mutable {
      ops::reset_rows(halted, init, z);
    };
  });
  add_case(all, "select_rows", to_string(Shape{batch, n}), [=](Maker make) -> Run {
    return [halted = flags(make), in = make.integers({batch, n}, 11), to = make.integers({batch, n}, 11)]() mutable {
      ops::select_rows(halted, in, to);
    };
  });
  add_case(all, "last_positions", to_string(Shape{batch, n}), [=](Maker make) -> Run {
    return [tokens = make.integers({batch, n}, 11)] { ops::last_positions(tokens, 0, 16); };
  });
  add_case(all, "q_head", rows, [=](Maker make) -> Run {
    const Tensor w = Maker{DType::float32, make.device}.random({2, width});
    return [z = make.random({batch, n, width}), w, bias = make.zeros({2})] { ops::q_head(z, w, bias, nullptr); };
  });
  add_case(all, "q_head_backward", rows, [=](Maker make) -> Run {
    Maker wide{DType::float32, make.device};
    return [dq = wide.random({batch, 2}), z = make.random({batch, n, width}), w = wide.random({2, width}),
            dz = make.random({batch, n, width}), dw = make.zeros({2, width}),
            dbias = make.zeros({2})]() mutable { ops::q_head_backward(dq, z, w, nullptr, dz, dw, dbias); };
  });
  add_case(all, "act_halt", to_string(Shape{batch}), [=](Maker make) -> Run {
    Tensor counters = Tensor::zeros({Counter::count}, DType::int64, make.device), now = steps(make),
           halted = flags(make);
    HaltingRule rule;
    rule.halt_max_steps = 16;
    rule.training = true;
    rule.exploration_prob = 0.1f;
    return [=, q = Maker{DType::float32, make.device}.random({batch, 2})]() mutable {
      ops::act_halt(q, rule, counters, now, halted);
    };
  });
  add_case(all, "q_continue_target", to_string(Shape{batch}), [=](Maker make) -> Run {
    return [q = Maker{DType::float32, make.device}.random({batch, 2}), now = steps(make)] {
      ops::q_continue_target(q, now, 16);
    };
  });
  add_case(all, "drop_positions", rows, [=](Maker make) -> Run {
    return [x = make.random({batch, n, width})] { ops::drop_positions(x, 16); };
  });
  add_case(all, "drop_positions_backward", rows, [=](Maker make) -> Run {
    return [x = make.random({batch, n - 16, width})] { ops::drop_positions_backward(x, 16); };
  });
}

void add_puzzle_rows(std::vector<Case>& all, int64_t batch, int64_t puzzles, int64_t width) {
  const std::string shape = to_string(Shape{batch, width}) + " of " + std::to_string(puzzles);
  const auto ids = [=](Maker& make) { return make.integers({batch}, static_cast<int32_t>(puzzles)); };
  add_case(all, "gather_rows", shape, [=](Maker make) -> Run {
    return [table = make.zeros({puzzles, width}), at = ids(make)] { ops::gather_rows(table, at); };
  });
  add_case(all, "sign_sgd", shape, [=](Maker make) -> Run {
    std::vector<float> values(Control::count, 0.0f);
    values[Control::apply] = 1;
    const Tensor control = Tensor::from(values, {Control::count}, make.device),
                 rates = Tensor::from(std::vector<float>{1e-2f, 0}, {Rate::count}, make.device);
    return [rows = Maker{DType::float32, make.device}.random({batch, width}), at = ids(make), control, rates,
            table = make.zeros({puzzles, width})]() mutable { ops::sign_sgd(rows, at, control, rates, 0.1f, table); };
  });
}

}  // namespace

void add_model_cases(std::vector<Case>& all) {
  add_rotations(all, 16, 97, 8, 64, false);
  add_rotations(all, 2, 512, 12, 32, true);
  add_halting(all, 16, 97, 512);
  add_puzzle_rows(all, 768, 1000, 512);
  add_case(all, "add3", to_string(Shape{16, 97, 512}), [](Maker make) -> Run {
    return [a = make.random({16, 97, 512}), b = make.random({16, 97, 512}), c = make.random({16, 97, 512})] {
      ops::add(a, b, c);
    };
  });
  add_case(all, "label_counts", to_string(Shape{768, 81}), [](Maker make) -> Run {
    return [labels = make.integers({768, 81}, 11)] { ops::label_counts(labels, 1); };
  });
}

const std::map<std::string, std::string>& without_case() {
  static const std::map<std::string, std::string> reasons{
      {"act_loss", "a few microseconds a step: rows of two numbers; bench_step has it in every preset"},
      {"cached_level", "only means something with the caches of a decoder around it: bench_decode"},
      {"plan_update", "fills seven numbers"},
      {"token_mixer_forward", "on Hopper only, where bench_step's sudoku_mlp is made of it"},
      {"token_mixer_backward", "on Hopper only, where bench_step's sudoku_mlp is made of it"},
  };
  return reasons;
}

}  // namespace trm::bench
