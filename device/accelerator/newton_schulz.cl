// What is not a product in Newton-Schulz. Matrix z of n elements begins at u[offsets[z]], at x[z * n].

// A group is a matrix; an item adds with compensation (Kahan), then the group in a fixed order.
kernel void norms(TENSOR(const float, u), TENSOR(const long, offsets), const long n, TENSOR(float, norms_of),
                  local float* scratch) {
  OPEN(const float, u);
  OPEN(const long, offsets);
  OPEN(float, norms_of);
  const long z = get_group_id(0);
  global const float* matrix = u + offsets[z];
  float sum = 0, lost = 0;
  for (long i = LANE; i < n; i += LANES) {
    const float term = matrix[i] * matrix[i] - lost, next = sum + term;
    lost = (next - sum) - term;
    sum = next;
  }
  sum = sum_lanes(sum, scratch);
  if (LANE == 0) norms_of[z] = fmax(sqrt(sum), 1e-7f);
}

kernel void take(TENSOR(const float, u), TENSOR(const long, offsets), TENSOR(const float, norms_of), TENSOR(float, x),
                 const long n, const long all) {
  OPEN(const float, u);
  OPEN(const long, offsets);
  OPEN(const float, norms_of);
  OPEN(float, x);
  FOR_EACH(i, all) x[i] = from_bfloat16(to_bfloat16(u[offsets[i / n] + i % n])) / norms_of[i / n];
}

kernel void give(TENSOR(const float, x), TENSOR(const long, offsets), const float scale, TENSOR(float, u), const long n,
                 const long all) {
  OPEN(const float, x);
  OPEN(const long, offsets);
  OPEN(float, u);
  FOR_EACH(i, all) u[offsets[i / n] + i % n] = scale * x[i];
}

// y = a x + b y
kernel void combine(TENSOR(const float, x), TENSOR(float, y), const float a, const float b, const long all) {
  OPEN(const float, x);
  OPEN(float, y);
  FOR_EACH(i, all) y[i] = a * x[i] + b * y[i];
}
