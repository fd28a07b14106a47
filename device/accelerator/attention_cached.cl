// Keys and values of qkv [B, T, 3, inner] go to positions[b] + t of slot slots[b] of the caches [slots, S, inner]; rows
// = B · T. A slot that is not there: the row is inactive.
kernel void append(TENSOR(const float, qkv), TENSOR(const int, slots), TENSOR(const int, positions),
                   TENSOR(float, keys), TENSOR(float, values), const long rows, const long T, const long inner,
                   const long S, const long count) {
  OPEN(const float, qkv);
  OPEN(const int, slots);
  OPEN(const int, positions);
  OPEN(float, keys);
  OPEN(float, values);
  FOR_EACH(i, rows * inner) {
    const long row = i / inner, d = i % inner, slot = slots[row / T], position = positions[row / T] + row % T;
    if (slot < 0 || slot >= count || position < 0 || position >= S) continue;
    const long to = slot * S + position;
    keys[to * inner + d] = qkv[(row * 3 + 1) * inner + d];
    values[to * inner + d] = qkv[(row * 3 + 2) * inner + d];
  }
}

// A group takes a new position and a head (group b · T + t of dimension 0, head of dimension 1) and walks over the keys, as
// many at a time as it has items. scores: a float an item; sums: head_dim floats.
kernel void attend_cached(TENSOR(const float, qkv), TENSOR(const int, slots), TENSOR(const int, positions),
                          TENSOR(const float, keys), TENSOR(const float, values), TENSOR(float, out), const long T,
                          const long head_dim, const long inner, const long S, const long count_slots,
                          const float scale, local float* scores, local float* scratch, local float* sums) {
  OPEN(const float, qkv);
  OPEN(const int, slots);
  OPEN(const int, positions);
  OPEN(const float, keys);
  OPEN(const float, values);
  OPEN(float, out);
  const long row = get_group_id(0), head = get_group_id(1) * head_dim, items = get_local_size(0),
             item = get_local_id(0), slot = slots[row / T];
  const bool active = slot >= 0 && slot < count_slots;
  const long visible = active ? clamp((long)positions[row / T] + row % T + 1, 0L, S) : 0;
  global const float* q = qkv + row * 3 * inner + head;
  if (active) {
    keys += slot * S * inner;
    values += slot * S * inner;
  }
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
  for (long d = item; d < head_dim; d += items) out[row * inner + head + d] = active ? sums[d] / total : 0;
}
