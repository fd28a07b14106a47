#include "runtime/op_report.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "device/op.h"
#include "device/ops.h"
#include "tests/temporary_folder.h"

namespace trm::testing {
namespace {

TEST(OpReport, HasALineForEveryOpAndAColumnForEveryKind) {
  const std::string report = op_report();
  for (const std::string kind : {"cpu", "cuda", "accelerator"})
    EXPECT_NE(report.substr(0, report.find('\n')).find(kind), std::string::npos);
  for (const OpBase* op : OpBase::all()) {
    const size_t at = report.find("\n" + std::string(op->name()) + " ");
    ASSERT_NE(at, std::string::npos) << op->name();
    const std::string line = report.substr(at + 1, report.find('\n', at + 1) - at - 1);
    EXPECT_NE(line.find(op->without_kernel() == WithoutKernel::fallback || op->native(DeviceKind::cpu) ? "native"
                                                                                                       : "composed"),
              std::string::npos)
        << line;
  }
}

TEST(OpReport, CountsWhatWasCalled) {
  OpBase::reset_counts();
  EXPECT_EQ(op_counts(), "");
  const Tensor x = Tensor::from(std::vector<float>{1, 2}, {2});
  ops::add(x, x);
  ops::add(x, x);
  EXPECT_NE(op_counts().find("add "), std::string::npos);

  const TemporaryFolder folder;
  write_op_report(folder / "ops.json");
  const auto report = nlohmann::json::parse(std::ifstream(folder / "ops.json"));
  std::set<std::string> ops, devices;
  for (const auto& device : report.at("devices")) devices.insert(device.at("device"));
  EXPECT_EQ(devices, (std::set<std::string>{"cpu", "cuda", "accelerator"}));
  for (const auto& row : report.at("ops")) {
    ops.insert(row.at("op"));
    if (row.at("op") == "add" && row.at("device") == "cpu") {
      EXPECT_EQ(row.at("calls"), 2);
      EXPECT_EQ(row.at("fallback_calls"), 0);
      EXPECT_EQ(row.at("bytes"), 2 * 3 * 8);
      EXPECT_EQ(row.at("support"), "native");
    }
  }
  EXPECT_EQ(ops.size(), OpBase::all().size());
  EXPECT_EQ(fallen_back_op(DeviceKind::accelerator), "");
}

TEST(OpReport, AFileThatCannotBeWrittenIsNamed) {
  try {
    write_op_report("/no/such/folder/ops.json");
    FAIL() << "nothing thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("/no/such/folder/ops.json"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace trm::testing
