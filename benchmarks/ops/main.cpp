// Times the ops at the shapes that the models use: one JSON line a case.
#include <cstdio>
#include <cxxopts.hpp>
#include <exception>

#include "benchmarks/ops/cases.h"
#include "benchmarks/ops/timing.h"
#include "device/selection.h"

namespace {

int run(int argc, char** argv) {
  cxxopts::Options options("bench_ops", "Times the ops at the shapes that the models use.");
  options.add_options()("device", "cpu, cuda, cuda:N or accelerator",
                        cxxopts::value<std::string>()->default_value("cpu"))(
      "dtype", "float32, bfloat16 or both", cxxopts::value<std::string>()->default_value("both"))(
      "filter", "only cases whose op or shape contains this", cxxopts::value<std::string>()->default_value(""))(
      "repeats", "repeats of which the best counts", cxxopts::value<int>()->default_value("7"))("help", "show this");
  const auto given = options.parse(argc, argv);
  if (given.count("help")) return std::puts(options.help().c_str()), 0;
  const trm::Device device = trm::parse_device(given["device"].as<std::string>());
  std::vector<trm::DType> dtypes{trm::DType::bfloat16, trm::DType::float32};
  if (const auto name = given["dtype"].as<std::string>(); name != "both") dtypes = {trm::parse_dtype(name)};
  const auto filter = given["filter"].as<std::string>();
  for (const trm::DType dtype : dtypes)
    for (const auto& c : trm::bench::cases()) {
      if ((c.op + " " + c.shape).find(filter) == std::string::npos) continue;
      const auto timing = trm::bench::measure(c.make(dtype, device), device, given["repeats"].as<int>());
      std::printf(
          "{\"op\": \"%s\", \"shape\": \"%s\", \"dtype\": \"%s\", \"device\": \"%s\", \"ms\": %.4f, \"cpu_ms\": %.4f, "
          "\"gflops\": %.1f}\n",
          c.op.c_str(), c.shape.c_str(), trm::name_of(dtype), trm::to_string(device).c_str(), timing.milliseconds,
          timing.cpu_milliseconds, c.flops / timing.milliseconds * 1e-6);
      std::fflush(stdout);
    }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
