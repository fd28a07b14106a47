// y [rows, out] = x [rows, in] wᵀ for few rows (decoding): a group takes an output, so that w passes once, its lanes
// run along the row.
kernel void few_rows(TENSOR(const float, x), TENSOR(const float, w), TENSOR(float, y), const int rows,
                     const int outputs, const int in, local float* scratch) {
  OPEN(const float, x);
  OPEN(const float, w);
  OPEN(float, y);
  const long output = ROW;
  global const float* weights = w + min(output, (long)outputs - 1) * in;
  for (int r = 0; r < rows; r += 4) {
    const int count = min(4, rows - r);
    global const float* from = x + (long)r * in;
    float sum[4] = {0, 0, 0, 0};
    for (long i = LANE; i < in; i += LANES) {
      const float weight = weights[i];
      for (int j = 0; j < 4; ++j) sum[j] = fma(from[(long)min(j, count - 1) * in + i], weight, sum[j]);
    }
    for (int j = 0; j < count; ++j) {
      const float total = sum_lanes(sum[j], scratch);
      if (LANE == 0 && output < outputs) y[(long)(r + j) * outputs + output] = total;
    }
  }
}
