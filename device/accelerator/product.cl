// out [m, n] = a b (+ out): a group computes a tile of TILE x TILE, an item WORK x WORK elements of it, over steps of k
// that pass through local memory. Definitions: SIDE (items of a group along each axis), WORK, A_TRANSPOSED,
// B_TRANSPOSED.
#define TILE (SIDE * WORK)
#define STEP 16
#define ITEMS (SIDE * SIDE)

kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void product(
    TENSOR(const float, a), TENSOR(const float, b), TENSOR(float, out), const int m, const int n, const int k,
    const int a_ld, const int b_ld, const int out_ld, const long a_stride, const long a_outer, const long b_stride,
    const long b_outer, const long out_stride, const long out_outer, const long per, const int accumulate) {
  local float a_tile[STEP][TILE + 1], b_tile[STEP][TILE + 1];
  const long z = get_group_id(2), outside = z / per, inside = z % per;
  OPEN(const float, a);
  OPEN(const float, b);
  OPEN(float, out);
  a += outside * a_outer + inside * a_stride;
  b += outside * b_outer + inside * b_stride;
  out += outside * out_outer + inside * out_stride;
  const int x = get_local_id(0), y = get_local_id(1), item = y * SIDE + x;
  const int row = get_group_id(1) * TILE, column = get_group_id(0) * TILE;

  float sum[WORK][WORK];
  for (int i = 0; i < WORK; ++i)
    for (int j = 0; j < WORK; ++j) sum[i][j] = 0;

  for (int start = 0; start < k; start += STEP) {
    for (int e = item; e < STEP * TILE; e += ITEMS) {
#if A_TRANSPOSED
      const int l = e / TILE, i = e % TILE;
      a_tile[l][i] = start + l < k && row + i < m ? a[(long)(start + l) * a_ld + row + i] : 0;
#else
      const int l = e % STEP, i = e / STEP;
      a_tile[l][i] = start + l < k && row + i < m ? a[(long)(row + i) * a_ld + start + l] : 0;
#endif
    }
    for (int e = item; e < STEP * TILE; e += ITEMS) {
#if B_TRANSPOSED
      const int l = e % STEP, j = e / STEP;
      b_tile[l][j] = start + l < k && column + j < n ? b[(long)(column + j) * b_ld + start + l] : 0;
#else
      const int l = e / TILE, j = e % TILE;
      b_tile[l][j] = start + l < k && column + j < n ? b[(long)(start + l) * b_ld + column + j] : 0;
#endif
    }
    barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
    for (int l = 0; l < STEP; ++l) {
      float left[WORK], right[WORK];
#pragma unroll
      for (int i = 0; i < WORK; ++i) left[i] = a_tile[l][y + SIDE * i];
#pragma unroll
      for (int j = 0; j < WORK; ++j) right[j] = b_tile[l][x + SIDE * j];
#pragma unroll
      for (int i = 0; i < WORK; ++i)
#pragma unroll
        for (int j = 0; j < WORK; ++j) sum[i][j] = fma(left[i], right[j], sum[i][j]);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }

  for (int i = 0; i < WORK; ++i)
    for (int j = 0; j < WORK; ++j) {
      const int r = row + y + SIDE * i, c = column + x + SIDE * j;
      if (r < m && c < n) {
        global float* to = out + (long)r * out_ld + c;
        *to = accumulate ? *to + sum[i][j] : sum[i][j];
      }
    }
}
