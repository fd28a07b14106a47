// The gradient of every function with respect to every input and parameter against finite differences of Σ c ∘ y, along
// three directions that know nothing of the gradient.
#include "autograd/functions.h"

#include <map>

#include "autograd/tape.h"
#include "tests/ops/harness.h"

namespace trm::testing {
namespace {

class FunctionGradient : public ::testing::TestWithParam<Device> {
 protected:
  Device device() const { return GetParam(); }
  Tensor random(const Shape& shape, uint64_t seed, float scale = 1) const {
    return to_tensor(random_values(shape.elements(), DType::float32, seed, scale), shape, DType::float32, device());
  }
  Parameter& parameter(ParameterStore& store, const std::string& name, const Shape& shape, ParameterUse use,
                       uint64_t seed) const {
    return store.add(name, shape, use, ParameterRole::vector,
                     random_values(shape.elements(), DType::float32, seed, 0.4f));
  }
  /// `call` takes the inputs, in order. Checks their gradients and those of the store's parameters.
  void check(const std::vector<Tensor>& inputs, ParameterStore* store,
             const std::function<Variable(const std::vector<Variable>&)>& call) const;
};

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

void FunctionGradient::check(const std::vector<Tensor>& inputs, ParameterStore* store,
                             const std::function<Variable(const std::vector<Variable>&)>& call) const {
  std::vector<Variable> leaves;
  for (const Tensor& input : inputs) leaves.push_back(Variable::leaf(input));
  std::vector<float> weights;
  {
    Tape tape;
    const TapeScope scope(tape);
    const Variable y = call(leaves);
    weights = random_values(y.value().elements(), DType::float32, 77);
    y.gradient()->accumulate(to_tensor(weights, y.value().shape(), DType::float32, device()));
    tape.backward();
  }
  const auto value = [&] {
    std::vector<Variable> constants;
    for (const Tensor& input : inputs) constants.push_back(Variable(input));
    return dot(call(constants).value().to_vector<float>(), weights);
  };
  const auto expect = [&](const std::string& name, const Tensor& at, const std::vector<float>& gradient) {
    const auto original = at.to_vector<float>();
    const double norm = std::sqrt(dot(gradient, gradient));
    ASSERT_GT(norm, 0.1) << name;
    for (uint64_t d = 0; d < 3; ++d) {
      const auto direction = random_values(at.elements(), DType::float32, 200 + d);
      const float step = 2e-3f;
      double side[2];
      for (int s = 0; s < 2; ++s) {
        auto moved = original;
        for (size_t i = 0; i < moved.size(); ++i) moved[i] += (s ? -step : step) * direction[i];
        at.copy_from_host(moved.data());
        if (store) store->refresh();
        side[s] = value();
      }
      at.copy_from_host(original.data());
      if (store) store->refresh();
      EXPECT_NEAR((side[0] - side[1]) / (2 * step), dot(gradient, direction), 1e-2 * norm)
          << name << ", direction " << d;
    }
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    ASSERT_TRUE(leaves[i].gradient()->defined()) << "input " << i;
    expect("input " + std::to_string(i), inputs[i], leaves[i].gradient()->value().to_vector<float>());
  }
  if (!store) return;
  for (const auto& p : store->all()) expect(p->name, p->master, p->gradient.to_vector<float>());
}

TEST_P(FunctionGradient, Add) {
  check({random({2, 3, 5}, 1), random({2, 3, 5}, 2)}, nullptr,
        [](const auto& in) { return functions::add(in[0], in[1]); });
  check({random({2, 3, 5}, 1), random({2, 3, 5}, 2), random({2, 3, 5}, 3)}, nullptr,
        [](const auto& in) { return functions::add(in[0], in[1], in[2]); });
}

TEST_P(FunctionGradient, SwigluBlock) {
  for (const bool token : {false, true}) {
    SCOPED_TRACE(token ? "over positions" : "over the width");
    constexpr int64_t n = 7, width = 12, inner = 10;
    const int64_t axis = token ? n : width;
    const ParameterUse use = token ? ParameterUse::token_product : ParameterUse::product;
    ParameterStore store(device(), DType::float32);
    Parameter &up = parameter(store, "gate_up_proj", {2 * inner, axis}, use, 1),
              &down = parameter(store, "down_proj", {axis, inner}, use, 2);
    store.materialize(true);
    check({random({2, n, width}, 3)}, &store,
          [&](const auto& in) { return functions::swiglu_block(in[0], up, down, 1e-5f); });
  }
}

TEST_P(FunctionGradient, AttentionBlock) {
  for (const bool causal : {false, true})
    for (const bool rotated : {false, true}) {
      SCOPED_TRACE(std::string(causal ? "causal" : "both ways") + (rotated ? ", rotated" : ""));
      constexpr int64_t n = 6, width = 16;
      ParameterStore store(device(), DType::float32);
      Parameter &qkv = parameter(store, "qkv_proj", {3 * width, width}, ParameterUse::product, 1),
                &o = parameter(store, "o_proj", {width, width}, ParameterUse::product, 2);
      store.materialize(true);
      const auto tables = ops::make_rope_tables(n, width / 2, 10000.0, device());
      functions::AttentionSettings context;
      context.heads = 2;
      context.causal = causal;
      context.rope = rotated ? &tables : nullptr;
      check({random({2, n, width}, 3)}, &store,
            [&](const auto& in) { return functions::attention_block(in[0], qkv, o, context, 1e-5f); });
    }
}

TEST_P(FunctionGradient, InputEmbedding) {
  constexpr int64_t batch = 3, tokens = 5, prefix = 2, width = 8, vocabulary = 4,
                    puzzle = 11;  // the last five values of a prefix are padding
  ParameterStore store(device(), DType::float32);
  Parameter &table = parameter(store, "table", {vocabulary, width}, ParameterUse::table, 1),
            &positions = parameter(store, "positions", {prefix + tokens, width}, ParameterUse::table, 2);
  store.materialize(true);
  functions::EmbeddingInputs inputs;
  inputs.tokens = Tensor::from(random_integers(batch * tokens, 0, vocabulary, 3), {batch, tokens}, device());
  inputs.table = &table;
  inputs.positions = &positions;
  inputs.prefix = prefix;
  inputs.scale = 1.5f;
  check({random({batch, puzzle}, 4)}, &store, [&](const auto& in) {
    functions::EmbeddingInputs with = inputs;
    with.puzzle_rows = &in[0];
    return functions::input_embedding(with);
  });
}

// A recursion uses the same weights again and again: their gradient is the sum, and that of the input goes through all
// uses.
TEST_P(FunctionGradient, OfWeightsThatAreUsedTwice) {
  constexpr int64_t n = 4, width = 12, inner = 8;
  ParameterStore store(device(), DType::float32);
  Parameter &up = parameter(store, "gate_up_proj", {2 * inner, width}, ParameterUse::product, 1),
            &down = parameter(store, "down_proj", {width, inner}, ParameterUse::product, 2);
  store.materialize(true);
  check({random({2, n, width}, 3), random({2, n, width}, 4)}, &store, [&](const auto& in) {
    const Variable once = functions::swiglu_block(functions::add(in[0], in[1]), up, down, 1e-5f);
    return functions::swiglu_block(functions::add(once, in[1]), up, down, 1e-5f);
  });
}

// Weights that are not trained get nothing, what lies below them does.
TEST_P(FunctionGradient, PassesThroughFrozenWeights) {
  constexpr int64_t n = 4, width = 12, inner = 8;
  ParameterStore store(device(), DType::float32);
  Parameter &up = parameter(store, "gate_up_proj", {2 * inner, width}, ParameterUse::product, 1),
            &down = parameter(store, "down_proj", {width, inner}, ParameterUse::product, 2);
  store.materialize(false);
  const Tensor x = random({2, n, width}, 3);
  check({x}, nullptr, [&](const auto& in) { return functions::swiglu_block(in[0], up, down, 1e-5f); });
  EXPECT_FALSE(up.gradient.defined());
}

INSTANTIATE_TEST_SUITE_P(Devices, FunctionGradient, ::testing::ValuesIn(devices_under_test()),
                         [](const auto& info) { return std::string(name_of(info.param.kind)); });

}  // namespace
}  // namespace trm::testing
