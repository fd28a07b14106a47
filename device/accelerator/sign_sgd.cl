// Rows of one puzzle as lists, in their order. next[r]: the following row of r's puzzle, R after the last; later[r]: 1
// where an earlier row has that puzzle, so that r is not the head of its list.
kernel void link_rows(TENSOR(const int, ids), TENSOR(int, next), TENSOR(int, later), const long R) {
  OPEN(const int, ids);
  OPEN(int, next);
  OPEN(int, later);
  FOR_EACH(r, R) {
    const int id = ids[r];
    long before = 0, after = r + 1;
    while (before < r && ids[before] != id) ++before;
    while (after < R && ids[after] != id) ++after;
    next[r] = after;
    later[r] = before < r;
  }
}

// A group is a row of the batch; the head of a list works for all rows of it. control and rates: by the
// slots of device/op_types.h.
kernel void sign_sgd(TENSOR(const float, rows), TENSOR(const int, ids), TENSOR(const int, next),
                     TENSOR(const int, later), TENSOR(const float, control), TENSOR(const float, rates),
                     const float weight_decay, TENSOR(float, table), const long R, const long W, const long P) {
  OPEN(const float, rows);
  OPEN(const int, ids);
  OPEN(const int, next);
  OPEN(const int, later);
  OPEN(const float, control);
  OPEN(const float, rates);
  OPEN(float, table);
  const long head = get_group_id(0), id = ids[head];
  if (control[APPLY] == 0 || later[head] || id < 0 || id >= P) return;
  const float lr = rates[LR], decay = 1 - lr * weight_decay;
  for (long w = get_local_id(0); w < W; w += get_local_size(0)) {
    float sum = 0;
    for (long r = head; r < R; r = next[r]) sum += rows[r * W + w];
    table[id * W + w] = table[id * W + w] * decay - lr * ((sum > 0) - (sum < 0));
  }
}
