// Keys and values of qkv [T, 3, inner] go to positions *position + t of the caches [S, inner].
kernel void append(TENSOR(const float, qkv), TENSOR(const int, position), TENSOR(float, keys), TENSOR(float, values),
                   const long T, const long inner, const long S) {
  OPEN(const float, qkv);
  OPEN(const int, position);
  OPEN(float, keys);
  OPEN(float, values);
  FOR_EACH(i, T * inner) {
    const long t = i / inner, d = i % inner, to = position[0] + t;
    if (to < 0 || to >= S) continue;
    keys[to * inner + d] = qkv[(t * 3 + 1) * inner + d];
    values[to * inner + d] = qkv[(t * 3 + 2) * inner + d];
  }
}

// A group takes a new position and a head (group t of dimension 0, head of dimension 1) and walks over the keys, as
// many at a time as it has items. scores: a float an item; sums: head_dim floats.
kernel void attend_cached(TENSOR(const float, qkv), TENSOR(const int, position), TENSOR(const float, keys),
                          TENSOR(const float, values), TENSOR(float, out), const long head_dim, const long inner,
                          const long S, const float scale, local float* scores, local float* scratch,
                          local float* sums) {
  OPEN(const float, qkv);
  OPEN(const int, position);
  OPEN(const float, keys);
  OPEN(const float, values);
  OPEN(float, out);
  const long t = get_group_id(0), head = get_group_id(1) * head_dim, items = get_local_size(0), item = get_local_id(0);
  const long visible = clamp((long)position[0] + t + 1, 0L, S);
  global const float* q = qkv + t * 3 * inner + head;
  for (long d = item; d < head_dim; d += items) sums[d] = 0;
  float top = -INFINITY, total = 0;
  for (long first = 0; first < visible; first += items) {
    const long j = first + item, count = min(items, visible - first);
    float score = -INFINITY;
    if (j < visible) {
      global const float* key = keys + j * inner + head;
      score = 0;
      for (long d = 0; d < head_dim; ++d) score = fma(q[d], key[d], score);
      score *= scale;
    }
    const float higher = fmax(top, max_lanes(score, scratch)), shrink = exp(top - higher);
    scores[item] = j < visible ? exp(score - higher) : 0;
    total = total * shrink + sum_lanes(scores[item], scratch);
    top = higher;
    for (long d = item; d < head_dim; d += items) {
      float sum = sums[d] * shrink;
      for (long i = 0; i < count; ++i) sum = fma(scores[i], values[(first + i) * inner + head + d], sum);
      sums[d] = sum;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  for (long d = item; d < head_dim; d += items) out[t * inner + head + d] = sums[d] / total;
}
