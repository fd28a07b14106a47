#include "device/tensor.h"

#include <limits>

#include "tests/device/message.h"

namespace trm::testing {
namespace {

TEST(Tensor, HoldsValuesOfEveryType) {
  EXPECT_EQ(Tensor::from(std::vector<float>{1.5f, -2}, {2}).to_vector<float>(), (std::vector<float>{1.5f, -2}));
  EXPECT_EQ(Tensor::from(std::vector<int32_t>{1, -2}, {2, 1}).to_vector<int32_t>(), (std::vector<int32_t>{1, -2}));
  EXPECT_EQ(Tensor::from(std::vector<int64_t>{1, int64_t{1} << 40}, {2}).to_vector<int64_t>()[1], int64_t{1} << 40);
  EXPECT_EQ(Tensor::from(std::vector<uint8_t>{1, 0}, {2}).dtype(), DType::boolean);
  const std::vector<bfloat16> narrow{bfloat16(1.5f), bfloat16(-3)};
  EXPECT_EQ(Tensor::from(narrow, {2}).to_vector<float>(), (std::vector<float>{1.5f, -3}));
  EXPECT_EQ(Tensor::zeros({3}, DType::int32, cpu_device).to_vector<int32_t>(), (std::vector<int32_t>{0, 0, 0}));
  EXPECT_EQ(Tensor::from(std::vector<float>{7}, {}).item<float>(), 7);
}

TEST(Tensor, ShapesAndSizes) {
  const Tensor t = Tensor::zeros({2, 3, 4}, DType::bfloat16, cpu_device);
  EXPECT_EQ(t.elements(), 24);
  EXPECT_EQ(t.bytes(), 48u);
  EXPECT_EQ(t.size(-1), 4);
  EXPECT_EQ(t.rank(), 3);
  EXPECT_EQ(describe(t), "bfloat16 [2, 3, 4] on cpu");
  EXPECT_EQ(describe(Tensor()), "undefined tensor");
  EXPECT_NE(message_of([] { Shape({1, -1}); }).find("-1"), std::string::npos);
  EXPECT_NE(message_of([] { Shape({1, 1, 1, 1, 1, 1, 1}); }).find("6"), std::string::npos);
}

TEST(Tensor, EmptyTensorsWork) {
  const Tensor t = Tensor::zeros({0, 4}, DType::float32, cpu_device);
  EXPECT_TRUE(t.defined());
  EXPECT_EQ(t.to_vector<float>().size(), 0u);
  EXPECT_EQ(t.reshape({2, 0}).elements(), 0);
}

TEST(Tensor, ViewsShareMemory) {
  Tensor t = Tensor::from(std::vector<float>{0, 1, 2, 3, 4, 5}, {3, 2});
  const Tensor row = t.rows(1, 2), part = t.view(3, {2});
  EXPECT_EQ(row.to_vector<float>(), (std::vector<float>{2, 3, 4, 5}));
  EXPECT_EQ(part.to_vector<float>(), (std::vector<float>{3, 4}));
  t.reshape({6}).data<float>()[3] = 9;
  EXPECT_EQ(row.to_vector<float>()[1], 9);
  EXPECT_EQ(part.item<float>(), 9) << "the first element";
  EXPECT_EQ(t.rows(3, 0).elements(), 0);
}

TEST(Tensor, WhatDoesNotFitIsRefused) {
  const Tensor t = Tensor::zeros({3, 2}, DType::float32, cpu_device);
  for (const std::string& message :
       {message_of([&] {
          t.reshape({4, 2});
        }),
        message_of([&] { t.rows(2, 2); }), message_of([&] { t.rows(-1, 1); }), message_of([&] { t.view(5, {2}); }),
        message_of([&] { t.copy_from(Tensor::zeros({5}, DType::float32, cpu_device)); }), message_of([&] {
          t.copy_from(Tensor::zeros({3, 2}, DType::int32, cpu_device));
        }),
        message_of([&] { t.data<int32_t>(); }), message_of([&] { t.to_vector<int32_t>(); })})
    EXPECT_NE(message.find("[3, 2]"), std::string::npos) << message;
  EXPECT_NE(message_of([] { Tensor().data<float>(); }).find("undefined"), std::string::npos);
}

TEST(Tensor, SizesThatNoNumberHoldsAreRefused) {
  const int64_t huge = int64_t{1} << 40;
  EXPECT_EQ(Tensor::empty({huge, huge, 0}, DType::float32, cpu_device).bytes(), 0u);
  EXPECT_NE(message_of([&] {
              Tensor::empty({huge, huge}, DType::float32, cpu_device);
            }).find("bytes"),
            std::string::npos);
  EXPECT_NE(message_of([&] { Tensor::empty({int64_t{1} << 62}, DType::float32, cpu_device); }).find("bytes"),
            std::string::npos);
  EXPECT_NE(message_of([&] { Tensor::empty({int64_t{1} << 60}, DType::float32, cpu_device); }).find("out of memory"),
            std::string::npos);
  const Tensor t = Tensor::zeros({3, 2}, DType::float32, cpu_device);
  const int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_NE(message_of([&] { t.rows(1, most); }).find("[3, 2]"), std::string::npos);
  EXPECT_NE(message_of([&] { t.view(most, {2}); }).find("[3, 2]"), std::string::npos);
}

TEST(Tensor, Copies) {
  const Tensor from = Tensor::from(std::vector<float>{1, 2, 3, 4}, {2, 2}),
               to = Tensor::zeros({4}, DType::float32, cpu_device);
  to.copy_from(from);
  EXPECT_EQ(to.to_vector<float>(), (std::vector<float>{1, 2, 3, 4}));
  to.rows(0, 2).fill_zero();
  EXPECT_EQ(to.to_vector<float>(), (std::vector<float>{0, 0, 3, 4}));
  EXPECT_EQ(from.to(cpu_device).address(), from.address()) << "already there";
}

TEST(Tensor, WrapsSomebodyElsesMemory) {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3});
  const std::weak_ptr<std::vector<float>> watch = owner;
  {
    const Tensor t = Tensor::wrap(owner->data(), {3}, DType::float32, cpu_device, owner);
    owner.reset();
    EXPECT_EQ(t.to_vector<float>(), (std::vector<float>{1, 2, 3}));
  }
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace trm::testing
