// m, v, then p, then the moving average and the bfloat16 copy (either may be null), in one pass. control: clip,
// apply, bias1, bias2, and rates: lr, ema, by the slots of device/op_types.h. Definition: ATAN2, 1 for Adam-atan2
// (Everett et al., arXiv 2407.05872), 0 for AdamW.
kernel void adam(TENSOR(const float, g), TENSOR(const float, control), TENSOR(const float, rates), TENSOR(float, p),
                 TENSOR(float, m), TENSOR(float, v), TENSOR(float, ema), TENSOR(ushort, narrow), const float beta1,
                 const float beta2, const float weight_decay, const float eps, const long n) {
  OPEN(const float, g);
  OPEN(const float, control);
  OPEN(const float, rates);
  OPEN(float, p);
  OPEN(float, m);
  OPEN(float, v);
  OPEN(float, ema);
  OPEN(ushort, narrow);
  if (control[APPLY] == 0) return;
  const float clip = control[CLIP], lr = rates[LR], decay = 1 - lr * weight_decay, rate = lr / control[BIAS1],
              root = sqrt(control[BIAS2]), kept = rates[EMA];
  FOR_EACH(i, n) {
    const float x = g[i] * clip, mean = m[i] + (1 - beta1) * (x - m[i]), square = beta2 * v[i] + (1 - beta2) * x * x,
                scaled = sqrt(square) / root;
    const float step = ATAN2 ? rate * atan2(mean, scaled) : rate * mean / (scaled + eps), updated = p[i] * decay - step;
    m[i] = mean;
    v[i] = square;
    p[i] = updated;
    if (ema) ema[i] = kept * ema[i] + (1 - kept) * updated;
    if (narrow) narrow[i] = to_bfloat16(updated);
  }
}

// The moving average and the bfloat16 copy alone; either may be null.
kernel void ema_update(TENSOR(const float, p), TENSOR(const float, control), TENSOR(const float, rates),
                       TENSOR(float, ema), TENSOR(ushort, narrow), const long n) {
  OPEN(const float, p);
  OPEN(const float, control);
  OPEN(const float, rates);
  OPEN(float, ema);
  OPEN(ushort, narrow);
  if (control[APPLY] == 0) return;
  const float kept = rates[EMA];
  FOR_EACH(i, n) {
    if (ema) ema[i] = kept * ema[i] + (1 - kept) * p[i];
    if (narrow) narrow[i] = to_bfloat16(p[i]);
  }
}
