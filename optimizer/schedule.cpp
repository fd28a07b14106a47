#include "optimizer/schedule.h"

#include <algorithm>
#include <cmath>

#include "optimizer/names.h"

namespace trm {
namespace {

constexpr double pi = 3.14159265358979323846;

const std::vector<std::pair<std::string, Decay>> decays{
    {"cosine", Decay::cosine}, {"linear", Decay::linear}, {"constant", Decay::constant}};

}  // namespace

std::vector<std::string> decay_names() {
  std::vector<std::string> names;
  for (const auto& [name, decay] : decays) names.push_back(name);
  return names;
}

Decay parse_decay(const std::string& name) {
  for (const auto& [known, decay] : decays)
    if (known == name) return decay;
  throw unknown_name("schedule", name, decay_names());
}

double Schedule::factor(int64_t step) const {
  if (step < warmup_steps) return static_cast<double>(step) / static_cast<double>(warmup_steps);
  const double length = static_cast<double>(std::max<int64_t>(total_steps - warmup_steps, 1));
  const double progress = std::min(static_cast<double>(step - warmup_steps) / length, 1.0);
  switch (decay) {
    case Decay::cosine:
      return min_ratio + (1 - min_ratio) * 0.5 * (1 + std::cos(pi * progress));
    case Decay::linear:
      return min_ratio + (1 - min_ratio) * (1 - progress);
    case Decay::constant:
      break;
  }
  return 1;
}

}  // namespace trm
