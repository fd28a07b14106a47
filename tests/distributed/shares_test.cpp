// Shares of the global batch, by whatever number of processes, are the numbers of one process.
#include "model/act.h"
#include "runtime/checkpoint_state.h"
#include "tests/distributed/threads.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

constexpr int64_t batch = 8, seq_len = 7;

ModelConfig small_config(bool puzzles = true) {
  ModelConfig c;
  c.hidden_size = 16;
  c.num_heads = 2;
  c.expansion = 1;
  c.H_cycles = 1;
  c.L_cycles = 2;
  c.L_layers = 1;
  c.halt_max_steps = 4;
  c.halt_exploration_prob = 0.6f;
  c.forward_dtype = DType::float32;
  c.seq_len = seq_len;
  c.vocab_size = 11;
  c.num_puzzle_identifiers = 6;
  c.puzzle_emb_ndim = puzzles ? 16 : 0;
  c.puzzle_emb_len = puzzles ? 1 : 0;
  return c;
}

struct HostBatch {
  std::vector<int32_t> inputs, labels, ids;
  explicit HostBatch(uint64_t number)
      : inputs(random_integers(batch * seq_len, 1, 11, 3 * number)),
        labels(random_integers(batch * seq_len, 1, 11, 3 * number + 1)),
        ids(random_integers(batch, 0, 6, 3 * number + 2)) {
    for (size_t i = number; i < labels.size(); i += 5) labels[i] = -100;
  }
  DeviceBatch rows(int64_t first, int64_t count, Device device) const {
    const auto part = [&](const std::vector<int32_t>& values, int64_t width) {
      return std::vector<int32_t>(values.begin() + first * width, values.begin() + (first + count) * width);
    };
    return {Tensor::from(part(inputs, seq_len), {count, seq_len}, device),
            Tensor::from(part(labels, seq_len), {count, seq_len}, device), Tensor::from(part(ids, 1), {count}, device)};
  }
};

/// The q head starts at zero; with these weights rows halt at different steps.
void make_rows_differ(Model& model) {
  model.q_weight().master.copy_from_host(random_values(2 * 16, DType::float32, 4, 2.0f).data());
  model.parameters().refresh();
}

class Halves : public ::testing::TestWithParam<Device> {};

TEST_P(Halves, HaveTheDrawsLossesAndGradientsOfTheWhole) {
  const Device device = GetParam();
  const auto run = [&](int parts) {
    Model model(small_config(), device, 5, true);
    make_rows_differ(model);
    std::vector<Carry> carries;
    std::vector<Tensor> counters;
    for (int part = 0; part < parts; ++part) {
      carries.push_back(Carry::initial(model, batch / parts));
      counters.push_back(Tensor::zeros({Counter::count}, DType::int64, device));
    }
    std::vector<float> metrics(Metric::count), puzzle_gradients;
    std::vector<int32_t> steps;
    std::vector<uint8_t> halted;
    for (uint64_t number = 0; number < 6; ++number) {
      puzzle_gradients.clear();
      for (int part = 0; part < parts; ++part) {
        StepOptions options;
        options.training = true;
        options.grad_scale = 1.0f / batch;
        options.seed = 11;
        options.first_row = part * (batch / parts);
        Tensor sums = Tensor::zeros({Metric::count}, DType::float32, device);
        Carry& carry = carries[static_cast<size_t>(part)];
        const StepResult result =
            supervision_step(model, carry, HostBatch(number).rows(options.first_row, batch / parts, device),
                             counters[static_cast<size_t>(part)], options, sums);
        const auto add = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
        add(puzzle_gradients, result.puzzle_gradient.to_vector<float>());
        add(steps, carry.steps.to_vector<int32_t>());
        add(halted, carry.halted.to_vector<uint8_t>());
        const auto values = sums.to_vector<float>();
        for (size_t i = 0; i < values.size(); ++i) metrics[i] += values[i];
      }
    }
    return std::tuple(metrics, puzzle_gradients, steps, halted, model.parameters().gradients().to_vector<float>());
  };
  const auto [metrics, puzzle, steps, halted, gradients] = run(1);
  EXPECT_NE(std::count(halted.begin(), halted.end(), 1), static_cast<int64_t>(halted.size()))
      << "all halt at once: nothing was tested";
  EXPECT_NE(std::count(halted.begin(), halted.end(), 0), static_cast<int64_t>(halted.size()));
  for (const int parts : {2, 4}) {
    const auto [metrics_n, puzzle_n, steps_n, halted_n, gradients_n] = run(parts);
    EXPECT_EQ(steps_n, steps);
    EXPECT_EQ(halted_n, halted);
    EXPECT_LT(relative_error(metrics_n, widen(metrics)), 1e-6);
    EXPECT_LT(relative_error(puzzle_n, widen(puzzle)), 1e-5);
    EXPECT_LT(relative_error(gradients_n, widen(gradients)), 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, Halves, ::testing::ValuesIn(devices_under_test()),
                         [](const auto& info) { return std::string(name_of(info.param.kind)); });

/// A run of `size` processes on the cpu: 9 micro-batches, 2 an update, so that it ends in the middle of one.
struct Trained {
  std::map<std::string, checkpoint::Array> state;
  std::vector<double> losses;
};

/// `made`: the checkpoint written before micro-batch `made_at`.
Trained train(int size, const checkpoint::Checkpoint* from, uint64_t first, uint64_t last,
              checkpoint::Checkpoint* made = nullptr, uint64_t made_at = 5) {
  Trained run;
  as_ranks(size, [&](Communicator& all) {
    Model model(small_config(), cpu_device, 5, true);
    make_rows_differ(model);
    OptimizerSettings settings;
    settings.lr = settings.puzzle_lr = 1e-2f;
    settings.schedule.total_steps = 100;
    OptimizerState optimizer(model.parameters(), settings);
    const RowRange rows = rows_of(all.rank(), all.size(), batch);
    TrainingStep step(model, optimizer, {rows, 2, 11, false, &all});
    if (from) restore_run(*from, "a test", model, optimizer, step);
    for (uint64_t number = first; number < last; ++number) {
      if (made && number == made_at) {
        checkpoint::Checkpoint captured = capture_run(model, optimizer, step, 11, {});
        if (all.first()) *made = std::move(captured);
      }
      const HostBatch host(number);
      step.run(host.inputs.data() + rows.first * seq_len, host.labels.data() + rows.first * seq_len,
               host.ids.data() + rows.first);
      if (number % 3 != 2) continue;
      const MetricsReading reading = step.read_metrics();
      if (all.first())
        run.losses.insert(run.losses.end(), {reading.lm_loss, reading.q_halt_loss,
                                             reading.rows > 0 ? reading.accuracy : 0, reading.rows, reading.tokens});
    }
    const checkpoint::Checkpoint captured = capture_run(model, optimizer, step, 11, {});
    if (!all.first()) {
      EXPECT_TRUE(captured.arrays.empty());
      return;
    }
    run.state = captured.arrays;
  });
  return run;
}

void expect_near(const Trained& a, const Trained& b, double tolerance) {
  EXPECT_EQ(a.losses.size(), b.losses.size());
  for (size_t i = 0; i < std::min(a.losses.size(), b.losses.size()); ++i)
    EXPECT_NEAR(a.losses[i], b.losses[i], tolerance * std::max(1.0, b.losses[i])) << i;
  ASSERT_EQ(a.state.size(), b.state.size());
  for (const auto& [name, array] : b.state) {
    const auto& other = a.state.at(name);
    EXPECT_EQ(other.shape, array.shape) << name;
    if (array.type != checkpoint::ArrayType::float32) {
      EXPECT_TRUE(other == array) << name;
      continue;
    }
    const auto x = other.as<float>(), y = array.as<float>();
    EXPECT_LT(relative_error(std::vector<float>(x.begin(), x.end()), widen(std::vector<float>(y.begin(), y.end()))),
              tolerance)
        << name;
  }
}

TEST(Shares, TrainAsOneProcessDoes) {
  const Trained one = train(1, nullptr, 0, 9);
  EXPECT_TRUE(one.state.contains("accumulation/puzzle_gradients")) << "no pending gradients: less was tested";
  for (const int size : {2, 4}) {
    SCOPED_TRACE(size);
    expect_near(train(size, nullptr, 0, 9), one, 1e-4);
  }
}

TEST(Shares, GoOnFromACheckpointOfAnotherNumber) {
  const Trained one = train(1, nullptr, 0, 9);
  for (const int before : {1, 2}) {
    checkpoint::Checkpoint made;
    const Trained unbroken = train(before, nullptr, 0, 9, &made);
    EXPECT_EQ(made.arrays.at("accumulation/pending").as<int64_t>()[0], 1)
        << "not in the middle of a step: less was tested";
    for (const int after : {1, 2, 4}) {
      SCOPED_TRACE(std::to_string(before) + " before, " + std::to_string(after) + " after");
      Trained resumed = train(after, &made, 5, 9);
      if (after == before) {
        for (const auto& [name, array] : unbroken.state) EXPECT_TRUE(array == resumed.state.at(name)) << name;
      }
      resumed.losses.insert(resumed.losses.begin(), one.losses.begin(), one.losses.begin() + 5);
      expect_near(resumed, one, 1e-4);
    }
  }
}

}  // namespace
}  // namespace trm::testing
