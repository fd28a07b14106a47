// What attention does to scores [pairs, N, N] between its products. A row is a query; with causal it sees itself and
// what is before. scores become probabilities; lse [pairs, N] or null.
kernel void attention_softmax(TENSOR(float, scores), TENSOR(float, lse), const long rows, const long N,
                              const int causal, const float scale, local float* scratch) {
  OPEN(float, scores);
  OPEN(float, lse);
  const long row = ROW, visible = row >= rows ? 0 : causal ? row % N + 1 : N;
  global float* s = scores + row * N;
  float top = -INFINITY;
  for (long j = LANE; j < visible; j += LANES) top = fmax(top, s[j] * scale);
  top = max_lanes(top, scratch);
  float sum = 0;
  for (long j = LANE; j < visible; j += LANES) {
    const float p = exp(s[j] * scale - top);
    s[j] = p;
    sum += p;
  }
  sum = sum_lanes(sum, scratch);
  if (row >= rows) return;
  const float inverse = 1 / sum;
  for (long j = LANE; j < N; j += LANES) s[j] = j < visible ? s[j] * inverse : 0;
  if (lse && LANE == 0) lse[row] = top + log(sum);
}

// scores become probabilities again, by the log-sum-exp of the forward pass.
kernel void attention_probabilities(TENSOR(float, scores), TENSOR(const float, lse), const long n, const long N,
                                    const int causal, const float scale) {
  OPEN(float, scores);
  OPEN(const float, lse);
  FOR_EACH(i, n) {
    const long row = i / N;
    scores[i] = causal && i % N > row % N ? 0 : exp(scores[i] * scale - lse[row]);
  }
}

// d_probabilities become gradients of q·k: scale · p (dp - Σ dout ∘ out). dout, out [B, N, heads, head_dim] from the
// first pair on.
kernel void attention_score_gradient(TENSOR(const float, probabilities), TENSOR(float, gradients),
                                     TENSOR(const float, dout), TENSOR(const float, out), const long rows, const long N,
                                     const long heads, const long all_heads, const long head_dim, const float scale,
                                     local float* scratch) {
  OPEN(const float, probabilities);
  OPEN(float, gradients);
  OPEN(const float, dout);
  OPEN(const float, out);
  const long row = ROW, pair = row / N, at = ((pair / heads * N + row % N) * all_heads + pair % heads) * head_dim;
  float delta = 0;
  if (row < rows)
    for (long d = LANE; d < head_dim; d += LANES) delta = fma(dout[at + d], out[at + d], delta);
  delta = sum_lanes(delta, scratch);
  if (row >= rows) return;
  for (long j = LANE; j < N; j += LANES)
    gradients[row * N + j] = scale * probabilities[row * N + j] * (gradients[row * N + j] - delta);
}
