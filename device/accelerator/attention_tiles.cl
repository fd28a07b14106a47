// Attention with tiles in local memory, scores never in memory (Dao et al., "FlashAttention", arXiv 2205.14135): a
// group of SIDE x SIDE items takes BLOCK = 2 SIDE queries (or keys) of a head. Item (x, y) owns rows y, y + SIDE and
// columns x, x + SIDE, ... of every tile. Definitions: HEAD_DIM, SIDE.
#define BLOCK (2 * SIDE)
#define COLUMNS ((HEAD_DIM + SIDE - 1) / SIDE)
#define ROW_LENGTH (HEAD_DIM + 1)

#define PARAMETERS const int N, const int heads, const int causal, const float scale
#define PLACE                                                                                                 \
  const int x = get_local_id(0), y = get_local_id(1), blocks = (N + BLOCK - 1) / BLOCK,                       \
            start = get_group_id(0) % blocks * BLOCK;                                                         \
  const long pair = get_group_id(0) / blocks, inner = (long)heads * HEAD_DIM, head = pair % heads * HEAD_DIM, \
             example = pair / heads * N;

// tile [BLOCK][ROW_LENGTH] = rows first ... of a matrix whose rows are `stride` apart; zero behind row N
void load_tile(local float* tile, global const float* from, const long stride, const int first, const int N) {
  const int item = get_local_id(1) * SIDE + get_local_id(0);
  for (int e = item; e < BLOCK * HEAD_DIM; e += SIDE * SIDE) {
    const int row = e / HEAD_DIM, d = e % HEAD_DIM;
    tile[row * ROW_LENGTH + d] = first + row < N ? from[(first + row) * stride + d] : 0;
  }
}

// result[i][j] = row y + i SIDE of a · row x + j SIDE of b
void dots(local const float* a, local const float* b, float result[2][2]) {
  local const float *a0 = a + get_local_id(1) * ROW_LENGTH, *a1 = a0 + SIDE * ROW_LENGTH;
  local const float *b0 = b + get_local_id(0) * ROW_LENGTH, *b1 = b0 + SIDE * ROW_LENGTH;
  float sum00 = 0, sum01 = 0, sum10 = 0, sum11 = 0;
  for (int d = 0; d < HEAD_DIM; ++d) {
    const float left0 = a0[d], left1 = a1[d], right0 = b0[d], right1 = b1[d];
    sum00 = fma(left0, right0, sum00);
    sum01 = fma(left0, right1, sum01);
    sum10 = fma(left1, right0, sum10);
    sum11 = fma(left1, right1, sum11);
  }
  result[0][0] = sum00;
  result[0][1] = sum01;
  result[1][0] = sum10;
  result[1][1] = sum11;
}

// sums[i][c] += Σ_j weights[y + i SIDE][j] · tile[j][x + c SIDE]
void add_weighted(local const float* weights, local const float* tile, float sums[2][COLUMNS]) {
  const int x = get_local_id(0);
  local const float *first = weights + get_local_id(1) * (BLOCK + 1), *second = first + SIDE * (BLOCK + 1);
  for (int j = 0; j < BLOCK; ++j) {
    const float left0 = first[j], left1 = second[j];
#pragma unroll
    for (int c = 0; c < COLUMNS; ++c) {
      const int d = min(x + c * SIDE, HEAD_DIM - 1);
      const float value = tile[j * ROW_LENGTH + d];
      sums[0][c] = fma(left0, value, sums[0][c]);
      sums[1][c] = fma(left1, value, sums[1][c]);
    }
  }
}

void clear(float sums[2][COLUMNS]) {
  for (int i = 0; i < 2; ++i)
    for (int c = 0; c < COLUMNS; ++c) sums[i][c] = 0;
}

void store(global float* to, const long stride, const int first, const int N, float sums[2][COLUMNS],
           const float scale0, const float scale1) {
  for (int i = 0; i < 2; ++i) {
    const int row = first + get_local_id(1) + i * SIDE;
    for (int c = 0; c < COLUMNS; ++c) {
      const int d = get_local_id(0) + c * SIDE;
      if (row < N && d < HEAD_DIM) to[row * stride + d] = sums[i][c] * (i ? scale1 : scale0);
    }
  }
}

kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void attention_tiles(TENSOR(const float, qkv),
                                                                                 TENSOR(float, out), TENSOR(float, lse),
                                                                                 PARAMETERS) {
  local float q[BLOCK * ROW_LENGTH], kv[BLOCK * ROW_LENGTH], weights[BLOCK * (BLOCK + 1)];
  OPEN(const float, qkv);
  OPEN(float, out);
  OPEN(float, lse);
  PLACE
  const long stride = 3 * inner;
  global const float *queries = qkv + example * stride + head, *keys = queries + inner, *values = keys + inner;
  load_tile(q, queries, stride, start, N);
  float sums[2][COLUMNS], top[2] = {-INFINITY, -INFINITY}, total[2] = {0, 0};
  clear(sums);
  const int end = causal ? min(start + BLOCK, N) : N;
  for (int first = 0; first < end; first += BLOCK) {
    barrier(CLK_LOCAL_MEM_FENCE);
    load_tile(kv, keys, stride, first, N);
    barrier(CLK_LOCAL_MEM_FENCE);
    float s[2][2], shrink[2];
    dots(q, kv, s);
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j) {
        const int row = start + y + i * SIDE, key = first + x + j * SIDE;
        s[i][j] = key < N && (!causal || key <= row) ? s[i][j] * scale : -INFINITY;
        weights[(y + i * SIDE) * (BLOCK + 1) + x + j * SIDE] = s[i][j];
      }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < 2; ++i) {
      float higher = top[i];
      for (int j = 0; j < BLOCK; ++j) higher = fmax(higher, weights[(y + i * SIDE) * (BLOCK + 1) + j]);
      shrink[i] = exp(top[i] - higher);
      top[i] = higher;
    }
    load_tile(kv, values, stride, first, N);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j) weights[(y + i * SIDE) * (BLOCK + 1) + x + j * SIDE] = exp(s[i][j] - top[i]);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < 2; ++i) {
      float sum = 0;
      for (int j = 0; j < BLOCK; ++j) sum += weights[(y + i * SIDE) * (BLOCK + 1) + j];
      total[i] = total[i] * shrink[i] + sum;
      for (int c = 0; c < COLUMNS; ++c) sums[i][c] *= shrink[i];
    }
    add_weighted(weights, kv, sums);
  }
  store(out + example * inner + head, inner, start, N, sums, 1 / total[0], 1 / total[1]);
  for (int i = 0; i < 2; ++i) {
    const int row = start + y + i * SIDE;
    if (lse && x == 0 && row < N) lse[pair * N + row] = top[i] + log(total[i]);
  }
}

// delta [pairs, N] = Σ dout ∘ out of a head; an item a row
kernel void attention_delta(TENSOR(const float, dout), TENSOR(const float, out), TENSOR(float, delta), const long rows,
                            const int N, const int heads) {
  OPEN(const float, dout);
  OPEN(const float, out);
  OPEN(float, delta);
  FOR_EACH(i, rows) {
    const long pair = i / N, at = ((pair / heads * N + i % N) * heads + pair % heads) * HEAD_DIM;
    float sum = 0;
    for (int d = 0; d < HEAD_DIM; ++d) sum = fma(dout[at + d], out[at + d], sum);
    delta[i] = sum;
  }
}

// dq[n] = scale Σ_j ds_nj k_j, ds = p (dout·v - delta), p = exp(scale q·k - lse)
kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void attention_query_gradient(
    TENSOR(const float, dout), TENSOR(const float, qkv), TENSOR(const float, lse), TENSOR(const float, delta),
    TENSOR(float, dqkv), PARAMETERS) {
  local float q[BLOCK * ROW_LENGTH], g[BLOCK * ROW_LENGTH], kv[BLOCK * ROW_LENGTH], weights[BLOCK * (BLOCK + 1)];
  OPEN(const float, dout);
  OPEN(const float, qkv);
  OPEN(const float, lse);
  OPEN(const float, delta);
  OPEN(float, dqkv);
  PLACE
  const long stride = 3 * inner;
  global const float *queries = qkv + example * stride + head, *keys = queries + inner, *values = keys + inner;
  load_tile(q, queries, stride, start, N);
  load_tile(g, dout + example * inner + head, inner, start, N);
  float sums[2][COLUMNS], normalizer[2], difference[2];
  clear(sums);
  for (int i = 0; i < 2; ++i) {
    const long row = pair * N + min(start + y + i * SIDE, N - 1);
    normalizer[i] = lse[row];
    difference[i] = delta[row];
  }
  const int end = causal ? min(start + BLOCK, N) : N;
  for (int first = 0; first < end; first += BLOCK) {
    float s[2][2], dp[2][2];
    barrier(CLK_LOCAL_MEM_FENCE);
    load_tile(kv, values, stride, first, N);
    barrier(CLK_LOCAL_MEM_FENCE);
    dots(g, kv, dp);
    barrier(CLK_LOCAL_MEM_FENCE);
    load_tile(kv, keys, stride, first, N);
    barrier(CLK_LOCAL_MEM_FENCE);
    dots(q, kv, s);
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j) {
        const int row = start + y + i * SIDE, key = first + x + j * SIDE;
        const bool seen = key < N && (!causal || key <= row);
        weights[(y + i * SIDE) * (BLOCK + 1) + x + j * SIDE] =
            seen ? exp(s[i][j] * scale - normalizer[i]) * (dp[i][j] - difference[i]) : 0;
      }
    barrier(CLK_LOCAL_MEM_FENCE);
    add_weighted(weights, kv, sums);
  }
  store(dqkv + example * stride + head, stride, start, N, sums, scale, scale);
}

// dk[n] = scale Σ_i ds_in q_i, dv[n] = Σ_i p_in dout_i
kernel __attribute__((reqd_work_group_size(SIDE, SIDE, 1))) void attention_key_value_gradient(
    TENSOR(const float, dout), TENSOR(const float, qkv), TENSOR(const float, lse), TENSOR(const float, delta),
    TENSOR(float, dqkv), PARAMETERS) {
  local float k[BLOCK * ROW_LENGTH], v[BLOCK * ROW_LENGTH], other[BLOCK * ROW_LENGTH], weights[BLOCK * (BLOCK + 1)];
  OPEN(const float, dout);
  OPEN(const float, qkv);
  OPEN(const float, lse);
  OPEN(const float, delta);
  OPEN(float, dqkv);
  PLACE
  const long stride = 3 * inner;
  global const float *queries = qkv + example * stride + head, *gradients = dout + example * inner + head;
  load_tile(k, queries + inner, stride, start, N);
  load_tile(v, queries + 2 * inner, stride, start, N);
  float dk[2][COLUMNS], dv[2][COLUMNS];
  clear(dk);
  clear(dv);
  for (int first = causal ? start : 0; first < N; first += BLOCK) {
    float s[2][2], dp[2][2];
    barrier(CLK_LOCAL_MEM_FENCE);
    load_tile(other, queries, stride, first, N);
    barrier(CLK_LOCAL_MEM_FENCE);
    dots(k, other, s);
    barrier(CLK_LOCAL_MEM_FENCE);
    load_tile(other, gradients, inner, first, N);
    barrier(CLK_LOCAL_MEM_FENCE);
    dots(v, other, dp);
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j) {
        const int key = start + y + i * SIDE, row = first + x + j * SIDE;
        const long at = pair * N + min(row, N - 1);
        const float p = row < N && (!causal || key <= row) ? exp(s[i][j] * scale - lse[at]) : 0;
        weights[(y + i * SIDE) * (BLOCK + 1) + x + j * SIDE] = p;
        dp[i][j] = p * (dp[i][j] - delta[at]);
      }
    barrier(CLK_LOCAL_MEM_FENCE);
    add_weighted(weights, other, dv);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j) weights[(y + i * SIDE) * (BLOCK + 1) + x + j * SIDE] = dp[i][j];
    load_tile(other, queries, stride, first, N);
    barrier(CLK_LOCAL_MEM_FENCE);
    add_weighted(weights, other, dk);
  }
  store(dqkv + example * stride + inner + head, stride, start, N, dk, scale, scale);
  store(dqkv + example * stride + 2 * inner + head, stride, start, N, dv, 1, 1);
}
