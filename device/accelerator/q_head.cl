// The q head reads one position of an example of z [B, N, D]; positions int [B] or null (0).
long position_of(global const int* positions, long b, long N) {
  return positions ? clamp((long)positions[b], 0L, N - 1) : 0;
}

kernel void q_head(TENSOR(const float, z), TENSOR(const float, w), TENSOR(const float, bias),
                   TENSOR(const int, positions), TENSOR(float, q), const long B, const long N, const long D,
                   local float* scratch) {
  OPEN(const float, z);
  OPEN(const float, w);
  OPEN(const float, bias);
  OPEN(const int, positions);
  OPEN(float, q);
  const long b = ROW;
  float stop = 0, go_on = 0;
  if (b < B) {
    global const float* row = z + (b * N + position_of(positions, b, N)) * D;
    for (long d = LANE; d < D; d += LANES) {
      stop = fma(row[d], w[d], stop);
      go_on = fma(row[d], w[D + d], go_on);
    }
  }
  stop = sum_lanes(stop, scratch);
  go_on = sum_lanes(go_on, scratch);
  if (b >= B || LANE != 0) return;
  q[2 * b] = stop + bias[0];
  q[2 * b + 1] = go_on + bias[1];
}

// dz += dq w
kernel void q_head_input_gradient(TENSOR(const float, dq), TENSOR(const float, w), TENSOR(const int, positions),
                                  TENSOR(float, dz), const long B, const long N, const long D) {
  OPEN(const float, dq);
  OPEN(const float, w);
  OPEN(const int, positions);
  OPEN(float, dz);
  FOR_EACH(i, B * D) {
    const long b = i / D, d = i % D;
    dz[(b * N + position_of(positions, b, N)) * D + d] += dq[2 * b] * w[d] + dq[2 * b + 1] * w[D + d];
  }
}

// dw [2, D] +=, dbias [2] +=; a row here is a column of w (the last one the bias), its lanes share the examples.
kernel void q_head_weight_gradient(TENSOR(const float, dq), TENSOR(const float, z), TENSOR(const int, positions),
                                   TENSOR(float, dw), TENSOR(float, dbias), const long B, const long N, const long D,
                                   local float* scratch) {
  OPEN(const float, dq);
  OPEN(const float, z);
  OPEN(const int, positions);
  OPEN(float, dw);
  OPEN(float, dbias);
  const long d = ROW;  // column D: the bias
  float stop = 0, go_on = 0;
  if (d <= D)
    for (long b = LANE; b < B; b += LANES) {
      const float x = d < D ? z[(b * N + position_of(positions, b, N)) * D + d] : 1;
      stop = fma(dq[2 * b], x, stop);
      go_on = fma(dq[2 * b + 1], x, go_on);
    }
  stop = sum_lanes(stop, scratch);
  go_on = sum_lanes(go_on, scratch);
  if (d > D || LANE != 0) return;
  if (d < D) {
    dw[d] += stop;
    dw[D + d] += go_on;
  } else {
    dbias[0] += stop;
    dbias[1] += go_on;
  }
}
