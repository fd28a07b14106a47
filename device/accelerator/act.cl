// positions [B] = prefix + the last column of tokens [B, S] that is not pad_id
kernel void last_positions(TENSOR(const int, tokens), const int pad_id, const int prefix, TENSOR(int, positions),
                           const long B, const long S, local float* scratch) {
  OPEN(const int, tokens);
  OPEN(int, positions);
  const long b = ROW;
  float last = 0;  // exact below 2^24
  if (b < B)
    for (long s = LANE; s < S; s += LANES)
      if (tokens[b * S + s] != pad_id) last = s;
  last = max_lanes(last, scratch);
  if (b < B && LANE == 0) positions[b] = prefix + (int)last;
}

// Philox4x32-10 (Salmon et al., SC 2011), as device/random.h.
uint4 philox(ulong key, uint4 c) {
  uint k0 = (uint)key, k1 = (uint)(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint low0 = 0xD2511F53u * c.x, high0 = mul_hi(0xD2511F53u, c.x), low1 = 0xCD9E8D57u * c.z,
               high1 = mul_hi(0xCD9E8D57u, c.z);
    c = (uint4)(high1 ^ c.y ^ k0, low1, high0 ^ c.w ^ k1, low0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// early: rows may halt before the last step, and draw the step from which they may, by their place in the global batch.
// counters: long, the random step at `random_step`.
kernel void act_halt(TENSOR(const float, q), TENSOR(const long, counters), TENSOR(int, steps), TENSOR(uchar, halted),
                     const long B, const int halt_max_steps, const int early, const int compare_with_continue,
                     const float exploration_prob, const ulong seed, const uint first_row, const uint purpose,
                     const int random_step) {
  OPEN(const float, q);
  OPEN(const long, counters);
  OPEN(int, steps);
  OPEN(uchar, halted);
  FOR_EACH(b, B) {
    const int step = (halted[b] ? 0 : steps[b]) + 1;
    bool halt = step >= halt_max_steps;
    if (early) {
      const float stop = q[2 * b], go_on = q[2 * b + 1];
      const ulong draw = counters[random_step];
      const uint4 bits = philox(seed, (uint4)(first_row + (uint)b, purpose, (uint)draw, (uint)(draw >> 32)));
      const bool explores = (float)(bits.x >> 8) * 0x1p-24f < exploration_prob;
      const int least = explores ? (int)(bits.y % (uint)(halt_max_steps - 1)) + 2 : 0;
      halt = (halt || (compare_with_continue ? stop > go_on : stop > 0)) && step >= least;
    }
    steps[b] = step;
    halted[b] = halt;
  }
}

kernel void advance(TENSOR(long, counters), const int which) {
  OPEN(long, counters);
  if (get_global_id(0) == 0) ++counters[which];
}

kernel void q_continue_target(TENSOR(const float, next_q), TENSOR(const int, steps), const int halt_max_steps,
                              TENSOR(float, target), const long B) {
  OPEN(const float, next_q);
  OPEN(const int, steps);
  OPEN(float, target);
  FOR_EACH(b, B) {
    const float stop = next_q[2 * b], logit = steps[b] >= halt_max_steps ? stop : fmax(stop, next_q[2 * b + 1]);
    target[b] = 1 / (1 + exp(-logit));
  }
}
