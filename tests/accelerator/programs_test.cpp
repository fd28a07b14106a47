#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "device/accelerator/devices.h"
#include "device/accelerator/launch.h"
#include "device/accelerator/program_cache.h"
#include "device/accelerator/sources.h"
#include "device/errors.h"
#include "tests/accelerator/require.h"
#include "tests/device/environment.h"
#include "tests/device/message.h"

namespace trm::accelerator {
namespace {

namespace fs = std::filesystem;
using testing::message_of;
using testing::WithEnvironment;

const Source good{"good.cl",
                  "kernel void good(TENSOR(float, out), const float value) { OPEN(float, out); out[get_global_id(0)] = "
                  "value * FACTOR; }\n"};
const Source broken{"broken.cl", "kernel void broken(global float *out) { out[0] = no_such_variable; }\n"};

/// A cache folder of its own, and contexts that share nothing.
class AcceleratorPrograms : public ::testing::Test {
 protected:
  void SetUp() override {
    TRM_REQUIRE_ACCELERATOR();
    std::string why_not;
    device_ = find_devices(why_not).at(0);
    folder_ = fs::temp_directory_path() / ("trm-accelerator-" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }
  std::unique_ptr<Context> context() const { return std::make_unique<Context>(0, device_.platform, device_.device); }

  /// Runs `good` with a fresh context and returns what it wrote.
  float run(int factor = 2) const {
    const auto fresh = context();
    const Kernel& kernel = fresh->programs->kernel(good, "good", "-DFACTOR=" + std::to_string(factor));
    cl_mem buffer = clCreateBuffer(fresh->context, CL_MEM_READ_WRITE, sizeof(float), nullptr, nullptr);
    const Tensor out = Tensor::wrap(buffer, {1}, DType::float32, testing::accelerator, nullptr);
    launch(*fresh, "good", kernel, {}, out, 21.0f);
    float value = 0;
    TRM_CL(clEnqueueReadBuffer(fresh->queue, buffer, CL_TRUE, 0, sizeof(value), &value, 0, nullptr, nullptr));
    TRM_CL(clReleaseMemObject(buffer));
    return value;
  }
  std::vector<fs::path> cached() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder_))
      if (entry.path().extension() == ".bin" && entry.path().parent_path() == folder_ / "trm" / "opencl")
        files.push_back(entry.path());
    return files;
  }

  Found device_;
  fs::path folder_;
};

std::string content(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST_F(AcceleratorPrograms, AreCachedByDeviceSourceAndOptions) {
  const WithEnvironment cache("XDG_CACHE_HOME", folder_.string());
  EXPECT_EQ(run(), 42);
  ASSERT_EQ(cached().size(), 1u);
  const fs::path file = cached()[0];
  EXPECT_EQ(file.filename().string().rfind("good-", 0), 0u);
  EXPECT_NE(content(file).find(device_.info.name), std::string::npos);
  const auto written = fs::last_write_time(file);
  EXPECT_EQ(run(), 42);
  EXPECT_EQ(fs::last_write_time(file), written) << "read, not built again";
  EXPECT_EQ(run(3), 63);
  EXPECT_EQ(cached().size(), 2u) << "other options are another program";
}

TEST_F(AcceleratorPrograms, ADamagedCacheFileIsBuiltAgain) {
  const WithEnvironment cache("XDG_CACHE_HOME", folder_.string());
  EXPECT_EQ(run(), 42);
  const fs::path file = cached().at(0);
  const std::string whole = content(file);
  std::string flipped = whole;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  for (const std::string& damaged :
       {std::string(), whole.substr(0, 10), whole.substr(0, whole.size() - 7), flipped, "nonsense\n" + whole}) {
    std::ofstream(file, std::ios::binary) << damaged;
    EXPECT_EQ(run(), 42);
    EXPECT_EQ(content(file).size(), whole.size()) << "written again";
  }
}

// Whole by its checksum, and yet nothing that the driver takes.
TEST_F(AcceleratorPrograms, ACachedProgramThatTheDriverRefusesIsBuiltAgain) {
  const WithEnvironment cache("XDG_CACHE_HOME", folder_.string());
  EXPECT_EQ(run(), 42);
  const auto size = fs::file_size(cached().at(0));
  const auto fresh = context();
  const std::string options = "-cl-std=CL1.2 -DFACTOR=2";
  const ProgramCache file(*fresh, good.file, std::string(prelude_cl.text) + good.text, options);
  ASSERT_TRUE(file.read().has_value()) << "the same key as the program's";
  file.write({'n', 'o', ' ', 'p', 'r', 'o', 'g', 'r', 'a', 'm'});
  ASSERT_EQ(file.read()->size(), 10u);
  EXPECT_EQ(run(), 42);
  EXPECT_EQ(fs::file_size(cached().at(0)), size) << "written again";
}

TEST_F(AcceleratorPrograms, ACacheThatCannotBeWrittenIsNoError) {
  std::ofstream(folder_ / "file") << "not a folder";
  const WithEnvironment cache("XDG_CACHE_HOME", (folder_ / "file").string());
  EXPECT_EQ(run(), 42);
  const WithEnvironment none("XDG_CACHE_HOME", std::nullopt), homeless("HOME", std::nullopt);
  EXPECT_EQ(run(), 42);
}

TEST_F(AcceleratorPrograms, AProgramThatDoesNotBuildShowsTheCompilersLog) {
  const WithEnvironment cache("XDG_CACHE_HOME", folder_.string());
  const auto fresh = context();
  const std::string message = message_of([&] { fresh->programs->kernel(broken, "broken", "-DA=1"); });
  for (const std::string& part : {std::string("broken.cl does not build"), device_.info.name, std::string("-DA=1"),
                                  std::string("CL_BUILD_PROGRAM_FAILURE"), std::string("no_such_variable")})
    EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_TRUE(cached().empty());
}

TEST_F(AcceleratorPrograms, AKernelThatIsNotThereIsNamed) {
  const WithEnvironment cache("XDG_CACHE_HOME", folder_.string());
  const auto fresh = context();
  EXPECT_NE(message_of([&] { fresh->programs->kernel(good, "better", "-DFACTOR=1"); }).find("better"),
            std::string::npos);
}

TEST_F(AcceleratorPrograms, AWorkGroupThatDoesNotFitIsNamed) {
  const auto fresh = context();
  Kernel kernel;
  kernel.name = "product";
  kernel.group_limit = 8;
  EXPECT_NO_THROW(require_items(*fresh, kernel, 8));
  const std::string message = message_of([&] { require_items(*fresh, kernel, 256); });
  for (const std::string& part : {std::string("product"), std::string("256"), std::string("8"), device_.info.name})
    EXPECT_NE(message.find(part), std::string::npos) << message;
}

}  // namespace
}  // namespace trm::accelerator
