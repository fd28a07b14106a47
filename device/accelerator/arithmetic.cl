kernel void narrow(TENSOR(const float, in), TENSOR(ushort, out), const long n) {
  OPEN(const float, in);
  OPEN(ushort, out);
  FOR_EACH(i, n) out[i] = to_bfloat16(in[i]);
}
kernel void widen(TENSOR(const ushort, in), TENSOR(float, out), const long n) {
  OPEN(const ushort, in);
  OPEN(float, out);
  FOR_EACH(i, n) out[i] = from_bfloat16(in[i]);
}

kernel void add(TENSOR(const float, a), TENSOR(const float, b), TENSOR(float, out), const long n) {
  OPEN(const float, a);
  OPEN(const float, b);
  OPEN(float, out);
  FOR_EACH(i, n) out[i] = a[i] + b[i];
}
kernel void add3(TENSOR(const float, a), TENSOR(const float, b), TENSOR(const float, c), TENSOR(float, out),
                 const long n) {
  OPEN(const float, a);
  OPEN(const float, b);
  OPEN(const float, c);
  OPEN(float, out);
  FOR_EACH(i, n) out[i] = a[i] + b[i] + c[i];
}
