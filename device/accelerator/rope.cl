// Rotates q and k of qkv [B · N, 3 · heads · 2 · half_dim] in place; an item takes a pair (i, i + half_dim). offsets:
// int [B] or null.
kernel void rope(TENSOR(float, qkv), TENSOR(const float, cosines), TENSOR(const float, sines),
                 TENSOR(const int, offsets), const long rows, const long N, const long positions, const long heads,
                 const long half_dim, const float sign) {
  OPEN(float, qkv);
  OPEN(const float, cosines);
  OPEN(const float, sines);
  OPEN(const int, offsets);
  const long per_row = 2 * heads * half_dim;
  FOR_EACH(i, rows * per_row) {
    const long row = i / per_row, rest = i % per_row, head = rest / half_dim, at = rest % half_dim;
    const long position = clamp((offsets ? offsets[row / N] : 0) + row % N, 0L, positions - 1);
    global float *low = qkv + row * 6 * heads * half_dim + head * 2 * half_dim + at, *high = low + half_dim;
    const float c = cosines[position * half_dim + at], s = sign * sines[position * half_dim + at], x = *low, y = *high;
    *low = x * c - y * s;
    *high = y * c + x * s;
  }
}
