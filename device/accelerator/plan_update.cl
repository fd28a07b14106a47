// One item. No float64: 1 - βᵗ is -expm1(t log β), which keeps its accuracy near 0.
// Definitions: the slots of device/op_types.h.
kernel void plan_update(TENSOR(const float, square), TENSOR(const float, puzzle_square), TENSOR(long, counters),
                        TENSOR(float, control), const float grad_clip_norm, const float log_beta1,
                        const float log_beta2, const int frozen) {
  OPEN(const float, square);
  OPEN(const float, puzzle_square);
  OPEN(long, counters);
  OPEN(float, control);
  if (get_global_id(0) != 0) return;
  const float dense = square[0], puzzle = puzzle_square ? puzzle_square[0] : 0;
  const bool apply = isfinite(dense) && isfinite(puzzle);
  ++counters[STEP];
  if (!apply) ++counters[SKIPPED];
  if (apply && !frozen) ++counters[ADAM_T];
  const float norm = sqrt(dense), t = (float)max(counters[ADAM_T], 1L);
  control[CLIP] = grad_clip_norm > 0 ? fmin(1.0f, grad_clip_norm / (norm + 1e-6f)) : 1;
  control[GRAD_NORM] = norm;
  control[APPLY] = apply;
  control[BIAS1] = -expm1(t * log_beta1);
  control[BIAS2] = -expm1(t * log_beta2);
}
