#include <numeric>

#include "device/arena.h"
#include "device/kernels.h"
#include "device/ops.h"
#include "device/rules.h"
#include "tests/accelerator/require.h"
#include "tests/device/message.h"

namespace trm::testing {
namespace {

class AcceleratorBackend : public ::testing::Test {
 protected:
  void SetUp() override { TRM_REQUIRE_ACCELERATOR(); }
  static std::vector<float> counting(int64_t n) {
    std::vector<float> values(n);
    std::iota(values.begin(), values.end(), 1.0f);
    return values;
  }
};

TEST_F(AcceleratorBackend, SaysWhatItIs) {
  const Backend& backend = Backend::of(accelerator);
  const DeviceInfo info = backend.info();
  EXPECT_EQ(info.device, accelerator);
  EXPECT_GT(info.memory_bytes, 0u);
  EXPECT_LE(info.free_bytes, info.memory_bytes);
  EXPECT_FALSE(backend.can_capture());
  for (const DType dtype : {DType::float32, DType::int32, DType::int64, DType::boolean})
    EXPECT_TRUE(backend.supports(dtype));
  const PrecisionRule rule = precision_rule(accelerator, DType::bfloat16);
  EXPECT_EQ(rule.dtype, DType::float32);
  EXPECT_TRUE(rule.note);
}

TEST_F(AcceleratorBackend, CopiesPartsThereAndBack) {
  const auto values = counting(40);
  const Tensor there = Tensor::from(values, {4, 10}, accelerator);
  EXPECT_EQ(there.to_vector<float>(), values);
  EXPECT_EQ(there.rows(1, 2).to_vector<float>(), std::vector<float>(values.begin() + 10, values.begin() + 30));
  there.rows(3, 1).copy_from(there.rows(0, 1));
  EXPECT_EQ(there.rows(3, 1).to_vector<float>(), counting(10));
  there.rows(1, 1).fill_zero();
  EXPECT_EQ(there.rows(1, 1).to_vector<float>(), std::vector<float>(10, 0.0f));
  EXPECT_EQ(there.rows(0, 1).to_vector<float>(), counting(10)) << "what is beside it stays";
  const Tensor bytes = Tensor::from(std::vector<uint8_t>(13, 7), {13}, accelerator);
  bytes.rows(3, 5).fill_zero();
  EXPECT_EQ(bytes.to_vector<uint8_t>(), (std::vector<uint8_t>{7, 7, 7, 0, 0, 0, 0, 0, 7, 7, 7, 7, 7}));
}

TEST_F(AcceleratorBackend, CopiesThatOverlap) {
  const Tensor t = Tensor::from(counting(10), {10}, accelerator);
  t.rows(2, 8).copy_from(t.rows(0, 8));
  EXPECT_EQ(t.to_vector<float>(), (std::vector<float>{1, 2, 1, 2, 3, 4, 5, 6, 7, 8}));
  t.copy_from(t);
  EXPECT_EQ(t.to_vector<float>()[9], 8);
}

TEST_F(AcceleratorBackend, UploadsComeInOrderAndMayBeWaitedFor) {
  Backend& backend = Backend::of(accelerator);
  const auto memory = backend.allocate_host(4000);
  auto* host = static_cast<float*>(memory.get());
  const Tensor to = Tensor::zeros({1000}, DType::float32, accelerator);
  for (int round = 1; round <= 3; ++round) {
    std::fill(host, host + 1000, static_cast<float>(round));
    const auto wait = backend.upload(to, host);
    const Tensor sum = ops::add(to, to);
    wait();
    EXPECT_EQ(sum.to_vector<float>(), std::vector<float>(1000, 2.0f * static_cast<float>(round)));
  }
}

TEST_F(AcceleratorBackend, KernelsTakeViewsAtAnyElement) {
  const Tensor t = Tensor::from(counting(30), {30}, accelerator);
  Tensor out = Tensor::zeros({30}, DType::float32, accelerator), part = out.rows(7, 5);
  ops::add_into(t.rows(1, 5), t.rows(13, 5), part);
  const auto values = out.to_vector<float>();
  EXPECT_EQ(std::vector<float>(values.begin() + 6, values.begin() + 13),
            (std::vector<float>{0, 16, 18, 20, 22, 24, 0}));
}

TEST_F(AcceleratorBackend, MemoryThatIsNotThereIsNamed) {
  Backend& backend = Backend::of(accelerator);
  const DeviceInfo info = backend.info();
  EXPECT_THROW(backend.allocate(info.memory_bytes + (size_t{1} << 30)), OutOfMemory);
  const std::string message = message_of([&] { backend.allocate(info.memory_bytes + (size_t{1} << 30)); });
  for (const std::string& part :
       {std::string("out of memory on accelerator"), info.name, std::string("MiB"), std::string("global_batch_size")})
    EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_THROW(Tensor::empty({int64_t{1} << 40}, DType::float32, accelerator), OutOfMemory);
  EXPECT_EQ(backend.info().free_bytes, info.free_bytes) << "nothing was taken";
  EXPECT_EQ(ops::add(Tensor::from(counting(3), {3}, accelerator), Tensor::from(counting(3), {3}, accelerator))
                .to_vector<float>(),
            (std::vector<float>{2, 4, 6}))
      << "and it still works";
}

TEST_F(AcceleratorBackend, ReleasedMemoryIsFreeAgain) {
  Backend& backend = Backend::of(accelerator);
  const size_t before = backend.info().free_bytes;
  void* memory = backend.allocate(size_t{1} << 20);
  EXPECT_EQ(backend.info().free_bytes, before - (size_t{1} << 20));
  backend.release(memory);
  EXPECT_EQ(backend.info().free_bytes, before);
}

TEST_F(AcceleratorBackend, WorkDoesNotTakeMemoryFromTheDeviceAgain) {
  const Tensor x = Tensor::zeros({64, 48}, DType::float32, accelerator),
               w = Tensor::zeros({96, 48}, DType::float32, accelerator);
  const Weight weight = ops::make_weight(w);
  const auto work = [&] { ops::linear_swiglu(x, weight, nullptr); };
  work();
  const auto arena = Arena::of(accelerator);
  const size_t reserved = arena->reserved_bytes(), used = arena->bytes_in_use();
  for (int i = 0; i < 5; ++i) work();
  EXPECT_EQ(arena->reserved_bytes(), reserved);
  EXPECT_EQ(arena->bytes_in_use(), used);
}

}  // namespace
}  // namespace trm::testing
