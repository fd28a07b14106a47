// out [n] += Σ_p parts [count, n], in order
kernel void sum_parts(TENSOR(const float, parts), const long count, const long n, TENSOR(float, out)) {
  OPEN(const float, parts);
  OPEN(float, out);
  FOR_EACH(i, n) {
    float sum = 0;
    for (long p = 0; p < count; ++p) sum += parts[p * n + i];
    out[i] += sum;
  }
}
