#include <cmath>

#include "distributed/error.h"
#include "runtime/shared_weights.h"
#include "tests/data/folders.h"
#include "tests/distributed/threads.h"

namespace trm::testing {
namespace {

ModelConfig tiny() {
  ModelConfig c;
  c.hidden_size = 16;
  c.num_heads = 2;
  c.expansion = 1;
  c.seq_len = 4;
  c.vocab_size = 11;
  c.forward_dtype = DType::float32;
  c.num_puzzle_identifiers = 3;
  c.puzzle_emb_ndim = 16;
  c.puzzle_emb_len = 1;
  return c;
}

TEST(SharedWeights, AreThoseOfTheFirst) {
  std::vector<std::map<std::string, std::vector<float>>> weights(3);
  as_ranks(3, [&](Communicator& all) {
    Model model(tiny(), cpu_device, static_cast<uint64_t>(5 + all.rank()), true);  // drawn apart
    share_weights(model, all);
    for (const auto& [name, tensor] : model.state())
      weights[static_cast<size_t>(all.rank())][name] = tensor.to_vector<float>();
    EXPECT_EQ(error_of([&] { require_equal_weights(model, all); }), "");
  });
  Model first(tiny(), cpu_device, 5, true);
  for (const auto& [name, tensor] : first.state())
    for (const auto& of_rank : weights) EXPECT_EQ(of_rank.at(name), tensor.to_vector<float>()) << name;
}

TEST(SharedWeights, ADifferenceNamesRanksAndParameter) {
  std::vector<std::string> errors(3);
  std::string changed;
  as_ranks(3, [&](Communicator& all) {
    Model model(tiny(), cpu_device, 5, true);
    const auto& parameter = model.parameters().all().at(2);
    if (all.rank() == 2) {
      auto values = parameter->master.to_vector<float>();
      values.back() = std::nextafter(values.back(), 1e9f);  // one bit
      parameter->master.copy_from_host(values.data());
      changed = parameter->name;
    }
    errors[static_cast<size_t>(all.rank())] = error_of([&] { require_equal_weights(model, all); });
  });
  for (const std::string& error : errors)
    EXPECT_NE(error.find("the weights of rank 0 and rank 2 are not the same any more: model."), std::string::npos)
        << error;
  for (const std::string& error : errors) EXPECT_NE(error.find(changed + ";"), std::string::npos) << error;
}

}  // namespace
}  // namespace trm::testing
