// Two passes in a fixed order; an item adds with compensation (Kahan), so that long buffers keep float32's accuracy.
kernel void squares(TENSOR(const float, x), TENSOR(float, parts), const long n, local float* scratch) {
  OPEN(const float, x);
  OPEN(float, parts);
  float sum = 0, lost = 0;
  FOR_EACH(i, n) {
    const float term = x[i] * x[i] - lost, next = sum + term;
    lost = (next - sum) - term;
    sum = next;
  }
  sum = sum_lanes(sum, scratch);
  if (LANE == 0) parts[get_group_id(0)] = sum;
}

kernel void sum_squares(TENSOR(const float, parts), const long count, TENSOR(float, out), local float* scratch) {
  OPEN(const float, parts);
  OPEN(float, out);
  float sum = 0;
  for (long i = LANE; i < count; i += LANES) sum += parts[i];
  sum = sum_lanes(sum, scratch);
  if (LANE == 0) out[0] = sum;
}
