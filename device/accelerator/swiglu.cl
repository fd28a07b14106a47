// gate_up [rows, 2, inner] → h [rows, inner] = silu(gate) ∘ up
kernel void swiglu(TENSOR(const float, gate_up), TENSOR(float, h), const long inner, const long n) {
  OPEN(const float, gate_up);
  OPEN(float, h);
  FOR_EACH(i, n) {
    const long row = i / inner, at = row * inner + i;
    const float gate = gate_up[at];
    h[i] = gate / (1 + exp(-gate)) * gate_up[at + inner];
  }
}

// h holds dh on entry and silu(gate) ∘ up on return.
kernel void swiglu_backward(TENSOR(const float, gate_up), TENSOR(float, h), TENSOR(float, d_gate_up), const long inner,
                            const long n) {
  OPEN(const float, gate_up);
  OPEN(float, h);
  OPEN(float, d_gate_up);
  FOR_EACH(i, n) {
    const long row = i / inner, at = row * inner + i;
    const float gate = gate_up[at], up = gate_up[at + inner], dh = h[i], sigmoid = 1 / (1 + exp(-gate)),
                silu = gate * sigmoid;
    d_gate_up[at] = dh * up * sigmoid * (1 + gate * (1 - sigmoid));
    d_gate_up[at + inner] = dh * silu;
    h[i] = silu * up;
  }
}
