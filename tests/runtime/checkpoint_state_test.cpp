#include "runtime/checkpoint_state.h"

#include "tests/runtime/small_run.h"

namespace trm::testing {
namespace {

using checkpoint::Array;
using checkpoint::ArrayType;

TEST(CheckpointState, ATensorIsStoredInItsOwnType) {
  const std::vector<bfloat16> narrow{bfloat16(1.5f), bfloat16(-3e30f)};
  const Tensor tensor = Tensor::from(narrow, {2}, cpu_device);
  const Array array = to_array(tensor);
  EXPECT_EQ(array.type, ArrayType::bfloat16);
  EXPECT_EQ(array.bytes.size(), 4u);
  const Tensor back = Tensor::zeros({2}, DType::bfloat16, cpu_device),
               wide = Tensor::zeros({2}, DType::float32, cpu_device);
  copy_array(array, back, "carry/z");
  EXPECT_EQ(back.to_vector<float>(), tensor.to_vector<float>());
  copy_array(array, wide, "carry/z");
  EXPECT_EQ(wide.to_vector<float>(), tensor.to_vector<float>());
}

TEST(CheckpointState, WhatAnEarlierVersionStoredAsFloat32IsTaken) {
  const Tensor to = Tensor::zeros({3}, DType::bfloat16, cpu_device);
  copy_array(Array::of<float>({3}, {1, -2.5f, 0.15625f}), to, "carry/z");
  EXPECT_EQ(to.to_vector<float>(), (std::vector<float>{1, -2.5f, 0.15625f}));
  EXPECT_THROW(copy_array(Array::of<float>({2}, {1, 2}), to, "carry/z"), checkpoint::Error) << "another shape";
  EXPECT_THROW(copy_array(Array::of<int32_t>({3}, {1, 2, 3}), to, "carry/z"), checkpoint::Error) << "another type";
}

TEST(CheckpointState, ARunGoesOnFromItBitForBit) {
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    ModelConfig config = small_config(true);
    config.forward_dtype = dtype;
    const TrainingStep::Options options{all_rows(SmallRun::batch), 2, 11, false};
    SmallRun run(config, options, small_optimizer(), cpu_device);
    run.run(0, 5);
    const checkpoint::Checkpoint saved = capture_run(run.model, run.optimizer, run.step, 11, {});
    EXPECT_EQ(saved.arrays.at("carry/z_H").type, dtype == DType::bfloat16 ? ArrayType::bfloat16 : ArrayType::float32);
    SmallRun resumed(config, options, small_optimizer(), cpu_device);
    restore_run(saved, "file", resumed.model, resumed.optimizer, resumed.step);
    run.run(5, 4);
    resumed.run(5, 4);
    EXPECT_EQ(resumed.numbers(), run.numbers()) << name_of(dtype);
  }
}

}  // namespace
}  // namespace trm::testing
