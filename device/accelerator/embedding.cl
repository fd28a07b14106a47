// out [B, N, D] = scale · (puzzle values (n < P) or table rows [+ positions]); puzzles [B, ndim] and positions [N, D]
// may be null.
kernel void input_embedding(TENSOR(const int, tokens), TENSOR(const float, table), TENSOR(const float, puzzles),
                            TENSOR(const float, positions), const float scale, TENSOR(float, out), const long B,
                            const long N, const long P, const long D, const long V, const long ndim) {
  OPEN(const int, tokens);
  OPEN(const float, table);
  OPEN(const float, puzzles);
  OPEN(const float, positions);
  OPEN(float, out);
  FOR_EACH(i, B * N * D) {
    const long b = i / (N * D), held = i % (N * D), n = held / D;
    float x = 0;
    if (n < P) {
      if (held < ndim) x = puzzles[b * ndim + held];
    } else {
      const long token = tokens[b * (N - P) + n - P];
      if (token >= 0 && token < V) x = table[token * D + held % D];
    }
    if (positions) x += positions[held];
    out[i] = scale * x;
  }
}
