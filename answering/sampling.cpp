#include "answering/sampling.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>

#include "device/random.h"

namespace trm {
namespace {

struct Scored {
  int32_t token;
  double logit;
};

bool before(const Scored& a, const Scored& b) { return a.logit != b.logit ? a.logit > b.logit : a.token < b.token; }

void require_usable(std::span<const float> logits) {
  bool damaged = false;
  for (const float logit : logits) damaged |= !(logit < INFINITY);
  if (damaged)
    throw std::runtime_error(
        "the model gives no usable logits (NaN or infinity): its weights or its precision are damaged");
}

std::vector<double> penalized(std::span<const float> logits, std::span<const int32_t> seen, double penalty) {
  std::vector<double> scores(logits.begin(), logits.end());
  for (const int32_t token : seen) {
    // From the logit as it came: a token seen twice is penalized once.
    const double logit = logits[static_cast<size_t>(token)];
    scores[static_cast<size_t>(token)] = logit > 0 ? logit / penalty : logit * penalty;
  }
  return scores;
}

/// The `count` first in order. Of a vocabulary most blocks hold none of them: the count-th largest of the blocks'
/// largest scores is a bound below which there is none.
template <class Score>
std::vector<Scored> first_of(std::span<const Score> scores, size_t count) {
  constexpr size_t block = 64, lanes = 16;
  const size_t blocks = scores.size() / block;
  Score bound = -std::numeric_limits<Score>::infinity();
  std::vector<Score> largest(blocks);
  if (count <= blocks) {
    for (size_t b = 0; b < blocks; ++b) {
      const Score* from = scores.data() + b * block;
      Score best[lanes];
      std::copy_n(from, lanes, best);
      for (size_t i = lanes; i < block; i += lanes)
        for (size_t lane = 0; lane < lanes; ++lane)
          best[lane] = from[i + lane] > best[lane] ? from[i + lane] : best[lane];
      largest[b] = *std::max_element(best, best + lanes);
    }
    std::vector<Score> sorted = largest;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count - 1), sorted.end(),
                     std::greater<>());
    bound = sorted[count - 1];
  }
  std::vector<Scored> found;
  for (size_t first = 0; first < scores.size(); first += block) {
    if (first / block < blocks && largest[first / block] < bound && count <= blocks) continue;
    for (size_t i = first; i < std::min(first + block, scores.size()); ++i)
      if (scores[i] >= bound) found.push_back({static_cast<int32_t>(i), static_cast<double>(scores[i])});
  }
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end(), before);
  found.resize(count);
  return found;
}

/// Drops what is not among the first `count`; what remains is in order.
void keep_first(std::vector<Candidate>& candidates, size_t count) { candidates.resize(std::max<size_t>(1, count)); }

void normalize(std::vector<Candidate>& candidates) {
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += candidate.probability;
  for (Candidate& candidate : candidates) candidate.probability /= sum;
}

}  // namespace

std::vector<Candidate> candidates(std::span<const float> logits, std::span<const int32_t> seen,
                                  const SamplingOptions& options) {
  if (logits.empty()) throw std::runtime_error("there are no logits to sample from");
  require_usable(logits);
  size_t count = logits.size();
  if (options.temperature == 0)
    count = 1;
  else if (options.top_k > 0)
    count = std::min(count, static_cast<size_t>(options.top_k));
  const std::vector<Scored> scored =
      options.repeat_penalty == 1
          ? first_of(logits, count)
          : first_of(std::span<const double>(penalized(logits, seen, options.repeat_penalty)), count);
  if (options.temperature == 0) return {{scored[0].token, 1.0}};

  std::vector<Candidate> kept;
  for (size_t i = 0; i < count; ++i)
    kept.push_back(
        {scored[i].token, i == 0 ? 1.0 : std::exp((scored[i].logit - scored[0].logit) / options.temperature)});
  normalize(kept);
  if (options.top_p < 1) {
    double sum = 0;
    size_t fewest = 0;
    while (fewest < kept.size() && sum < options.top_p) sum += kept[fewest++].probability;
    keep_first(kept, fewest);
  }
  const double least = options.min_p * kept[0].probability;
  keep_first(kept, static_cast<size_t>(std::count_if(kept.begin(), kept.end(),
                                                     [&](const Candidate& c) { return c.probability >= least; })));
  normalize(kept);
  return kept;
}

int32_t pick(std::span<const Candidate> candidates, double position) {
  double sum = 0;
  for (const Candidate& candidate : candidates) {
    sum += candidate.probability;
    if (position < sum) return candidate.token;
  }
  // Rounding left the sum below 1.
  return candidates.back().token;
}

double uniform_number(uint64_t seed, uint64_t index) {
  const auto bits = random_numbers(seed, RandomPurpose::sampling, index, 0);
  return static_cast<double>((static_cast<uint64_t>(bits[0]) << 32 | bits[1]) >> 11) * 0x1p-53;
}

int32_t Sampler::next(std::span<const float> logits, std::span<const int32_t> seen) {
  return pick(candidates(logits, seen, options_), uniform_number(seed_, index_++));
}

}  // namespace trm
