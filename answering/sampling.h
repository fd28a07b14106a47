#pragma once
// From logits to the next token.
#include <cstdint>
#include <span>
#include <vector>

namespace trm {

/// The filters are applied in the order of Hugging Face's generate(): repeat penalty, temperature, top-k, top-p, min-p.
struct SamplingOptions {
  double temperature = 0.7;  // 0: the most probable token (of equal ones the first), whatever the filters say
  int64_t top_k = 50;        // keep the k most probable tokens; 0: all
  double top_p = 0.9;        // keep the fewest tokens whose probabilities reach p (Holtzman et al. 2019); 1: all
  double min_p = 0;          // keep tokens at least p times as probable as the first (Nguyen et al. 2024); 0: all
  double repeat_penalty =
      1;  // logits of tokens seen: positive ones divided, others multiplied (Keskar et al. 2019); 1: off
};

struct Candidate {
  int32_t token;
  double probability;
};

/// The tokens that the filters leave, most probable first (of equal ones the lowest id), their probabilities summing
/// to 1. `seen`: tokens that the repeat penalty applies to, in any order. Throws std::runtime_error where logits are
/// not numbers.
std::vector<Candidate> candidates(std::span<const float> logits, std::span<const int32_t> seen,
                                  const SamplingOptions& options);

/// The candidate at `position`, in [0, 1), of their summed probabilities.
int32_t pick(std::span<const Candidate> candidates, double position);

/// Number `index` of the uniform numbers in [0, 1) that belong to `seed`: the same on every machine.
double uniform_number(uint64_t seed, uint64_t index);

/// Draws token after token; equal seeds and logits give equal tokens.
class Sampler {
 public:
  Sampler(const SamplingOptions& options, uint64_t seed) : options_(options), seed_(seed) {}
  int32_t next(std::span<const float> logits, std::span<const int32_t> seen);

 private:
  SamplingOptions options_;
  uint64_t seed_, index_ = 0;
};

}  // namespace trm
