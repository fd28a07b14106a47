// counts [B] = labels of [B, S] that are not ignored; scale [B] = grad_scale / max(count, 1)
kernel void label_counts(TENSOR(const int, labels), const float grad_scale, TENSOR(int, counts), TENSOR(float, scale),
                         const long B, const long S, local float* scratch) {
  OPEN(const int, labels);
  OPEN(int, counts);
  OPEN(float, scale);
  const long b = ROW;
  float count = 0;  // exact below 2^24
  if (b < B)
    for (long s = LANE; s < S; s += LANES) count += labels[b * S + s] != IGNORED_LABEL;
  count = sum_lanes(count, scratch);
  if (b >= B || LANE != 0) return;
  counts[b] = (int)count;
  scale[b] = grad_scale / fmax(count, 1.0f);
}
