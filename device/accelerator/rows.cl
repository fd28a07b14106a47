// Moving rows: gather_rows, drop_positions and its backward, reset_rows, select_rows.
kernel void gather_rows(TENSOR(const float, table), TENSOR(const int, ids), TENSOR(float, out), const long count,
                        const long width, const long rows) {
  OPEN(const float, table);
  OPEN(const int, ids);
  OPEN(float, out);
  FOR_EACH(i, count * width) {
    const long id = ids[i / width];
    out[i] = id >= 0 && id < rows ? table[id * width + i % width] : 0;
  }
}

// to[b, i] = from[b, skipped + i]
kernel void drop_positions(TENSOR(const float, from), TENSOR(float, to), const long batch, const long from_row,
                           const long to_row) {
  OPEN(const float, from);
  OPEN(float, to);
  FOR_EACH(i, batch * to_row) to[i] = from[i / to_row * from_row + from_row - to_row + i % to_row];
}

// to[b, skipped + i] = from[b, i], zero before
kernel void drop_positions_backward(TENSOR(const float, from), TENSOR(float, to), const long batch, const long from_row,
                                    const long to_row) {
  OPEN(const float, from);
  OPEN(float, to);
  FOR_EACH(i, batch * to_row) {
    const long at = i % to_row - (to_row - from_row);
    to[i] = at < 0 ? 0 : from[i / to_row * from_row + at];
  }
}

// Rows that halted take what `from` has for them: rows `stride` apart, repeated after `period`. By words of 4 bytes, or
// single bytes.
#define REPLACE_ROWS(name, type)                                                                              \
  kernel void name(TENSOR(const uchar, halted), TENSOR(const type, from), TENSOR(type, to), const long batch, \
                   const long row, const long stride, const long period) {                                    \
    OPEN(const uchar, halted);                                                                                \
    OPEN(const type, from);                                                                                   \
    OPEN(type, to);                                                                                           \
    FOR_EACH(i, batch* row) {                                                                                 \
      const long b = i / row;                                                                                 \
      if (halted[b]) to[i] = from[b * stride + i % row % period];                                             \
    }                                                                                                         \
  }
REPLACE_ROWS(replace_words, uint)
REPLACE_ROWS(replace_bytes, uchar)
