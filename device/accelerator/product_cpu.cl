// Products for CPUs: an item computes a block of the result in vector registers, straight from memory; groups have one
// item. Definitions: WIDTH (floats of a vector register), ROWS (rows of a block).
#define JOIN(a, b) a##b
#define OF_WIDTH(name, width) JOIN(name, width)
#define VECTOR OF_WIDTH(float, WIDTH)
#define LOAD OF_WIDTH(vload, WIDTH)
#define STORE OF_WIDTH(vstore, WIDTH)

#define PARAMETERS                                                                                                    \
  TENSOR(const float, a), TENSOR(const float, b), TENSOR(float, out), const int m, const int n, const int k,          \
      const int a_ld, const int b_ld, const int out_ld, const long a_stride, const long a_outer, const long b_stride, \
      const long b_outer, const long out_stride, const long out_outer, const long per, const int accumulate
#define OPEN_MATRICES                                                  \
  const long z = get_group_id(2), outside = z / per, inside = z % per; \
  OPEN(const float, a);                                                \
  OPEN(const float, b);                                                \
  OPEN(float, out);                                                    \
  a += outside * a_outer + inside * a_stride;                          \
  b += outside * b_outer + inside * b_stride;                          \
  out += outside * out_outer + inside * out_stride;

// b plain: a block of ROWS x 2 WIDTH; element (i, l) of a is a[i * a_row + l * a_step].
void plain(global const float* a, global const float* b, global float* out, const int m, const int n, const int k,
           const long a_row, const long a_step, const int b_ld, const int out_ld, const int accumulate) {
  const int row = get_group_id(0) * ROWS, column = get_group_id(1) * 2 * WIDTH;
  global const float* from[ROWS];
#pragma unroll
  for (int i = 0; i < ROWS; ++i) from[i] = a + min(row + i, m - 1) * a_row;
  if (column + 2 * WIDTH <= n) {
    VECTOR low[ROWS], high[ROWS];
#pragma unroll
    for (int i = 0; i < ROWS; ++i) low[i] = high[i] = 0;
    for (int l = 0; l < k; ++l) {
      const VECTOR b_low = LOAD(0, b + (long)l * b_ld + column), b_high = LOAD(1, b + (long)l * b_ld + column);
#pragma unroll
      for (int i = 0; i < ROWS; ++i) {
        const VECTOR value = from[i][l * a_step];
        low[i] = fma(value, b_low, low[i]);
        high[i] = fma(value, b_high, high[i]);
      }
    }
#pragma unroll
    for (int i = 0; i < ROWS; ++i)
      if (row + i < m) {
        global float* to = out + (long)(row + i) * out_ld + column;
        STORE(accumulate ? LOAD(0, to) + low[i] : low[i], 0, to);
        STORE(accumulate ? LOAD(1, to) + high[i] : high[i], 1, to);
      }
    return;
  }
  for (int first = column; first < n; first += WIDTH) {  // the last columns: fewer lanes than the vector has
    const int lanes = min(WIDTH, n - first);
    VECTOR sum[ROWS];
#pragma unroll
    for (int i = 0; i < ROWS; ++i) sum[i] = 0;
    for (int l = 0; l < k; ++l) {
      float part[WIDTH];
#pragma unroll
      for (int j = 0; j < WIDTH; ++j) part[j] = b[(long)l * b_ld + first + min(j, lanes - 1)];
      const VECTOR right = LOAD(0, part);
#pragma unroll
      for (int i = 0; i < ROWS; ++i) sum[i] = fma((VECTOR)(from[i][l * a_step]), right, sum[i]);
    }
#pragma unroll
    for (int i = 0; i < ROWS; ++i) {
      float part[WIDTH];
      STORE(sum[i], 0, part);
      if (row + i < m)
        for (int j = 0; j < lanes; ++j) {
          global float* to = out + (long)(row + i) * out_ld + first + j;
          *to = accumulate ? *to + part[j] : part[j];
        }
    }
  }
}

kernel void product_plain(PARAMETERS) {
  OPEN_MATRICES
  plain(a, b, out, m, n, k, a_ld, 1, b_ld, out_ld, accumulate);
}
kernel void product_a_transposed(PARAMETERS) {
  OPEN_MATRICES
  plain(a, b, out, m, n, k, 1, a_ld, b_ld, out_ld, accumulate);
}

// b transposed, a plain: both run along k; a block of 4 x 4 dot products.
#define SIDE 4
kernel void product_b_transposed(PARAMETERS) {
  OPEN_MATRICES
  const int row = get_group_id(0) * SIDE, column = get_group_id(1) * SIDE;
  global const float *left[SIDE], *right[SIDE];
#pragma unroll
  for (int i = 0; i < SIDE; ++i) {
    left[i] = a + (long)min(row + i, m - 1) * a_ld;
    right[i] = b + (long)min(column + i, n - 1) * b_ld;
  }
  VECTOR sum[SIDE][SIDE];
#pragma unroll
  for (int i = 0; i < SIDE; ++i)
#pragma unroll
    for (int j = 0; j < SIDE; ++j) sum[i][j] = 0;
  int l = 0;
  for (; l + WIDTH <= k; l += WIDTH) {
    VECTOR x[SIDE], y[SIDE];
#pragma unroll
    for (int i = 0; i < SIDE; ++i) {
      x[i] = LOAD(0, left[i] + l);
      y[i] = LOAD(0, right[i] + l);
    }
#pragma unroll
    for (int i = 0; i < SIDE; ++i)
#pragma unroll
      for (int j = 0; j < SIDE; ++j) sum[i][j] = fma(x[i], y[j], sum[i][j]);
  }
#pragma unroll
  for (int i = 0; i < SIDE; ++i)
#pragma unroll
    for (int j = 0; j < SIDE; ++j) {
      float part[WIDTH], total = 0;
      STORE(sum[i][j], 0, part);
#pragma unroll
      for (int half_width = WIDTH / 2; half_width > 0; half_width /= 2)
#pragma unroll
        for (int e = 0; e < half_width; ++e) part[e] += part[e + half_width];
      total = part[0];
      for (int rest = l; rest < k; ++rest) total = fma(left[i][rest], right[j][rest], total);
      if (row + i < m && column + j < n) {
        global float* to = out + (long)(row + i) * out_ld + column + j;
        *to = accumulate ? *to + total : total;
      }
    }
}
