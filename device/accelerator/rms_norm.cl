// y [rows, width] = s · rsqrt(mean(s²) + eps), s = residual + product; y may be either of them. rstd [rows] or null.
kernel void residual_rms_norm(TENSOR(const float, product), TENSOR(const float, residual), TENSOR(float, y),
                              TENSOR(float, rstd), const long rows, const long width, const float eps,
                              local float* scratch) {
  OPEN(const float, product);
  OPEN(const float, residual);
  OPEN(float, y);
  OPEN(float, rstd);
  const long row = ROW, first = row * width;
  float sum = 0;
  if (row < rows)
    for (long i = LANE; i < width; i += LANES) {
      const float s = product[first + i] + residual[first + i];
      sum = fma(s, s, sum);
    }
  const float scale = rsqrt(sum_lanes(sum, scratch) / width + eps);
  if (row >= rows) return;
  for (long i = LANE; i < width; i += LANES) y[first + i] = (product[first + i] + residual[first + i]) * scale;
  if (rstd && LANE == 0) rstd[row] = scale;
}

// The same over axis 1 of [batch, n, width]; an item takes a column. rstd [batch, width] or null.
kernel void token_residual_rms_norm(TENSOR(const float, product), TENSOR(const float, residual), TENSOR(float, y),
                                    TENSOR(float, rstd), const long batch, const long n, const long width,
                                    const float eps) {
  OPEN(const float, product);
  OPEN(const float, residual);
  OPEN(float, y);
  OPEN(float, rstd);
  FOR_EACH(column, batch * width) {
    const long first = column / width * n * width + column % width;
    float sum = 0;
    for (long i = 0; i < n; ++i) {
      const float s = product[first + i * width] + residual[first + i * width];
      sum = fma(s, s, sum);
    }
    const float scale = rsqrt(sum / n + eps);
    for (long i = 0; i < n; ++i)
      y[first + i * width] = (product[first + i * width] + residual[first + i * width]) * scale;
    if (rstd) rstd[column] = scale;
  }
}

// ds = rstd (dy - y mean(dy ∘ y)); ds may be dy
kernel void rms_norm_backward(TENSOR(const float, dy), TENSOR(const float, y), TENSOR(const float, rstd),
                              TENSOR(float, ds), const long rows, const long width, local float* scratch) {
  OPEN(const float, dy);
  OPEN(const float, y);
  OPEN(const float, rstd);
  OPEN(float, ds);
  const long row = ROW, first = row * width;
  float sum = 0;
  if (row < rows)
    for (long i = LANE; i < width; i += LANES) sum = fma(dy[first + i], y[first + i], sum);
  const float mean = sum_lanes(sum, scratch) / width;
  if (row >= rows) return;
  const float scale = rstd[row];
  for (long i = LANE; i < width; i += LANES) ds[first + i] = scale * (dy[first + i] - y[first + i] * mean);
}

kernel void token_rms_norm_backward(TENSOR(const float, dy), TENSOR(const float, y), TENSOR(const float, rstd),
                                    TENSOR(float, ds), const long batch, const long n, const long width) {
  OPEN(const float, dy);
  OPEN(const float, y);
  OPEN(const float, rstd);
  OPEN(float, ds);
  FOR_EACH(column, batch * width) {
    const long first = column / width * n * width + column % width;
    float sum = 0;
    for (long i = 0; i < n; ++i) sum = fma(dy[first + i * width], y[first + i * width], sum);
    const float mean = sum / n, scale = rstd[column];
    for (long i = 0; i < n; ++i) ds[first + i * width] = scale * (dy[first + i * width] - y[first + i * width] * mean);
  }
}
