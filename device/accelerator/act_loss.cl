// Losses of the q head and the metrics: the lanes of a row find what an example adds, then a group a metric sums the
// examples in a fixed order. Definitions: the slots of device/op_types.h. -t log σ(x) - (1 - t) log(1 - σ(x)) without
// overflow; its derivative is σ(x) - t.
float binary_cross_entropy(float x, float t) { return fmax(x, 0.0f) - x * t + log1p(exp(-fabs(x))); }
// σ(x) - t, without cancellation for t 0 or 1
float sigmoid_minus(float x, float t) { return t == 1 ? -1 / (1 + exp(x)) : 1 / (1 + exp(-x)) - t; }

// rows [B, METRICS]; target [B] or null
kernel void act_loss_rows(TENSOR(const float, q), TENSOR(const float, target), TENSOR(const float, loss),
                          TENSOR(const int, preds), TENSOR(const int, labels), TENSOR(const int, counts),
                          TENSOR(const int, steps), TENSOR(const uchar, halted), const float q_scale,
                          TENSOR(float, dq), TENSOR(float, rows), const long B, const long S, local float* scratch) {
  OPEN(const float, q);
  OPEN(const float, target);
  OPEN(const float, loss);
  OPEN(const int, preds);
  OPEN(const int, labels);
  OPEN(const int, counts);
  OPEN(const int, steps);
  OPEN(const uchar, halted);
  OPEN(float, dq);
  OPEN(float, rows);
  const long b = ROW;
  float matches = 0, total = 0;
  if (b < B)
    for (long s = LANE; s < S; s += LANES) {
      const int label = labels[b * S + s];
      matches += label != IGNORED_LABEL && label == preds[b * S + s];
      total += loss[b * S + s];
    }
  matches = sum_lanes(matches, scratch);
  total = sum_lanes(total, scratch);
  if (b >= B || LANE != 0) return;
  const int count = counts[b];
  const float right = matches == count, stop = q[2 * b], go_on = q[2 * b + 1];
  global float* to = rows + b * METRICS;
  for (int i = 0; i < METRICS; ++i) to[i] = 0;
  dq[2 * b] = q_scale * sigmoid_minus(stop, right);
  dq[2 * b + 1] = target ? q_scale * sigmoid_minus(go_on, target[b]) : 0;
  to[LM_LOSS] = total / max(count, 1);
  to[Q_HALT_LOSS] = binary_cross_entropy(stop, right);
  to[Q_CONTINUE_LOSS] = target ? binary_cross_entropy(go_on, target[b]) : 0;
  to[VALID_TOKENS] = count;
  if (count == 0) return;
  to[COUNTED_Q_HALT_LOSS] = to[Q_HALT_LOSS];
  to[COUNTED_Q_CONTINUE_LOSS] = to[Q_CONTINUE_LOSS];
  if (!halted[b]) return;
  to[ROWS] = 1;
  to[ACCURACY] = matches / count;
  to[EXACT_ACCURACY] = right;
  to[Q_HALT_ACCURACY] = (stop >= 0) == (right == 1);
  to[STEPS] = steps[b];
}

kernel void sum_metrics(TENSOR(const float, rows), TENSOR(float, metrics), const long B, local float* scratch) {
  OPEN(const float, rows);
  OPEN(float, metrics);
  const long metric = ROW;
  float sum = 0;
  if (metric < METRICS)
    for (long b = LANE; b < B; b += LANES) sum += rows[b * METRICS + metric];
  sum = sum_lanes(sum, scratch);
  if (metric < METRICS && LANE == 0) metrics[metric] += sum;
}
