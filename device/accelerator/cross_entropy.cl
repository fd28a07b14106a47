// Loss, prediction and gradient of rows of logits [rows, V]. Definition: STABLEMAX, 1 for s(x) = x + 1 (x ≥ 0), 1 / (1
// - x) below; 0 for softmax.
float stable(float x) { return x >= 0 ? x + 1 : 1 / (1 - x); }
float stable_slope(float x) { return x >= 0 ? 1 : 1 / ((1 - x) * (1 - x)); }

// loss [rows] (0 where ignored), preds [rows] (first largest), normalizer [rows] (log-sum-exp; stablemax: Σ s)
kernel void cross_entropy(TENSOR(const float, logits), TENSOR(const int, labels), TENSOR(float, loss),
                          TENSOR(int, preds), TENSOR(float, normalizer), const long rows, const long V,
                          local float* scratch) {
  OPEN(const float, logits);
  OPEN(const int, labels);
  OPEN(float, loss);
  OPEN(int, preds);
  OPEN(float, normalizer);
  const long row = ROW;
  const bool present = row < rows;
  global const float* x = logits + (present ? row : 0) * V;
  float top = -INFINITY;
  int best = INT_MAX;
  for (long i = LANE; i < V; i += LANES)
    if (x[i] > top || best == INT_MAX) {
      top = x[i];
      best = i;
    }
  const float largest = max_lanes(top, scratch);
  // the first of the largest: the least index among the lanes that have it
  local int* indices = (local int*)(scratch + get_local_id(1) * get_local_size(0));
  barrier(CLK_LOCAL_MEM_FENCE);
  indices[LANE] = top == largest ? best : INT_MAX;
  barrier(CLK_LOCAL_MEM_FENCE);
  int first = INT_MAX;
  for (int i = 0; i < (int)LANES; ++i) first = min(first, indices[i]);
  float sum = 0;
  for (long i = LANE; i < V; i += LANES) sum += STABLEMAX ? stable(x[i]) : exp(x[i] - largest);
  sum = sum_lanes(sum, scratch);
  if (!present || LANE != 0) return;
  const float total = STABLEMAX ? sum : largest + log(sum);
  const int label = labels[row];
  preds[row] = first == INT_MAX ? 0 : first;
  normalizer[row] = total;
  loss[row] = label < 0 || label >= V ? 0 : STABLEMAX ? log(total) - log(stable(x[label])) : total - x[label];
}

// logits become scale[(first + row) / S] · d loss / d logits. softmax: p - 1[y]; stablemax: s'(x)/Σ - 1[y] s'(x)/s(x)
kernel void cross_entropy_backward(TENSOR(float, logits), TENSOR(const int, labels), TENSOR(const float, normalizer),
                                   TENSOR(const float, scale), const long rows, const long V, const long first,
                                   const long S) {
  OPEN(float, logits);
  OPEN(const int, labels);
  OPEN(const float, normalizer);
  OPEN(const float, scale);
  FOR_EACH(i, rows * V) {
    const long row = i / V, column = i % V;
    const int label = labels[row];
    const float x = logits[i], total = normalizer[row];
    float gradient;
    if (STABLEMAX)
      gradient = stable_slope(x) * (column == label ? 1 / total - 1 / stable(x) : 1 / total);
    else
      gradient = column == label ? expm1(x - total) : exp(x - total);
    logits[i] = label < 0 || label >= V ? 0 : scale[(first + row) / S] * gradient;
  }
}
