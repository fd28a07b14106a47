// Muon. control and rates: by the slots of device/op_types.h.
kernel void muon_momentum(TENSOR(const float, g), TENSOR(const float, control), const float momentum,
                          TENSOR(float, buffer), TENSOR(float, u), const long n) {
  OPEN(const float, g);
  OPEN(const float, control);
  OPEN(float, buffer);
  OPEN(float, u);
  const int apply = control[APPLY] != 0;
  const float clip = control[CLIP];
  FOR_EACH(i, n) {
    const float x = (1 - momentum) * (clip * g[i]), updated = momentum * buffer[i] + x;
    u[i] = apply ? momentum * updated + x : 0;
    if (apply) buffer[i] = updated;
  }
}

kernel void muon_step(TENSOR(const float, u), TENSOR(const float, control), TENSOR(const float, rates),
                      const float weight_decay, TENSOR(float, p), TENSOR(float, ema), TENSOR(ushort, narrow),
                      const long n) {
  OPEN(const float, u);
  OPEN(const float, control);
  OPEN(const float, rates);
  OPEN(float, p);
  OPEN(float, ema);
  OPEN(ushort, narrow);
  if (control[APPLY] == 0) return;
  const float lr = rates[LR], kept = rates[EMA], decay = 1 - lr * weight_decay;
  FOR_EACH(i, n) {
    const float updated = p[i] * decay - lr * u[i];
    p[i] = updated;
    if (ema) ema[i] = kept * ema[i] + (1 - kept) * updated;
    if (narrow) narrow[i] = to_bfloat16(updated);
  }
}
