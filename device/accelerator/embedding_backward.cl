// Row of dx [B, N, D] of the i-th token, S = N - P tokens an example.
#define ROW_OF(i) ((i) / (N - P) * N + P + (i) % (N - P))

// Small vocabularies: a group takes a chunk of tokens and as many columns as it has items, with a table of its own in
// local memory: an item a column.
kernel void partial_tables(TENSOR(const float, dx), TENSOR(const int, tokens), TENSOR(float, parts), const long N,
                           const long P, const long D, const long V, const long tokens_count, const long chunk,
                           local float* sums) {
  OPEN(const float, dx);
  OPEN(const int, tokens);
  OPEN(float, parts);
  const long columns = get_local_size(0), d = get_group_id(1) * columns + get_local_id(0);
  const long first = get_group_id(0) * chunk, last = min(first + chunk, tokens_count);
  local float* mine = sums + get_local_id(0);
  for (long v = 0; v < V; ++v) mine[v * columns] = 0;
  if (d >= D) return;
  for (long i = first; i < last; ++i) {
    const long token = tokens[i];
    if (token >= 0 && token < V) mine[token * columns] += dx[ROW_OF(i) * D + d];
  }
  for (long v = 0; v < V; ++v) parts[(get_group_id(0) * V + v) * D + d] = mine[v * columns];
}

// table += scale · the sum of `count` tables of n elements each
kernel void add_tables(TENSOR(const float, parts), const float scale, TENSOR(float, d_table), const long n,
                       const long count) {
  OPEN(const float, parts);
  OPEN(float, d_table);
  FOR_EACH(i, n) {
    float sum = 0;
    for (long p = 0; p < count; ++p) sum += parts[p * n + i];
    d_table[i] += scale * sum;
  }
}

// Large vocabularies: positions are listed by token, in order, and a group adds a token's list. tokens begins at the
// token `start` of all.
kernel void count_tokens(TENSOR(const int, tokens), TENSOR(int, counts), const long tokens_count, const long V) {
  OPEN(const int, tokens);
  OPEN(int, counts);
  FOR_EACH(i, tokens_count) if (tokens[i] >= 0 && tokens[i] < V) atomic_inc(counts + tokens[i]);  // integers: any order
}

// starts [V + 1]: starts[v] = Σ counts before v; one group. sums: an int an item.
kernel void scan_counts(TENSOR(const int, counts), TENSOR(int, starts), const long V, local int* sums) {
  OPEN(const int, counts);
  OPEN(int, starts);
  const long items = get_local_size(0), item = get_local_id(0), each = (V + items - 1) / items,
             first = min(item * each, V), last = min(first + each, V);
  int own = 0;
  for (long v = first; v < last; ++v) own += counts[v];
  sums[item] = own;
  barrier(CLK_LOCAL_MEM_FENCE);
  int at = 0;
  for (long before = 0; before < item; ++before) at += sums[before];
  for (long v = first; v < last; ++v) {
    starts[v] = at;
    at += counts[v];
  }
  if (item == items - 1) starts[V] = at;
}

// order[starts[token] + number of equal tokens before i] = i
kernel void list_tokens(TENSOR(const int, tokens), TENSOR(const int, starts), TENSOR(int, order),
                        const long tokens_count, const long V) {
  OPEN(const int, tokens);
  OPEN(const int, starts);
  OPEN(int, order);
  FOR_EACH(i, tokens_count) {
    const int token = tokens[i];
    if (token < 0 || token >= V) continue;
    int before = 0;
    for (long j = 0; j < i; ++j) before += tokens[j] == token;
    order[starts[token] + before] = i;
  }
}

kernel void add_lists(TENSOR(const float, dx), TENSOR(const int, starts), TENSOR(const int, order), const float scale,
                      TENSOR(float, d_table), const long N, const long P, const long D, const long start) {
  OPEN(const float, dx);
  OPEN(const int, starts);
  OPEN(const int, order);
  OPEN(float, d_table);
  const long v = get_group_id(0);
  const int first = starts[v], last = starts[v + 1];
  if (first == last) return;
  for (long d = get_local_id(0); d < D; d += get_local_size(0)) {
    float sum = 0;
    for (int i = first; i < last; ++i) sum += dx[ROW_OF(start + order[i]) * D + d];
    d_table[v * D + d] += scale * sum;
  }
}

kernel void puzzle_gradient(TENSOR(const float, dx), const float scale, TENSOR(float, d_puzzles), const long B,
                            const long ND, const long ndim) {
  OPEN(const float, dx);
  OPEN(float, d_puzzles);
  FOR_EACH(i, B * ndim) d_puzzles[i] = scale * dx[i / ndim * ND + i % ndim];
}
