// Every op is timed by bench_ops, or a reason says why not.
#include "benchmarks/ops/cases.h"

#include <gtest/gtest.h>

#include <set>

#include "device/op.h"

namespace trm::testing {
namespace {

TEST(BenchmarkCases, EveryOpHasOneOrAReason) {
  std::set<std::string> timed, known;
  for (const bench::Case& c : bench::cases()) timed.insert(c.op.substr(0, c.op.find(' ')));
  for (const OpBase* op : OpBase::all()) {
    known.insert(op->name());
    const auto reason = bench::without_case().find(op->name());
    const bool excused = reason != bench::without_case().end() && !reason->second.empty();
    EXPECT_TRUE(timed.count(op->name()) || excused)
        << op->name() << ": add a case to benchmarks/ops, or a reason to without_case()";
    EXPECT_FALSE(timed.count(op->name()) && excused) << op->name() << " is timed and excused";
  }
  for (const std::string& op : timed) EXPECT_TRUE(known.count(op)) << "a case of " << op << ", which is no op";
  for (const auto& [op, reason] : bench::without_case())
    EXPECT_TRUE(known.count(op)) << "a reason for " << op << ", which is no op: " << reason;
}

}  // namespace
}  // namespace trm::testing
