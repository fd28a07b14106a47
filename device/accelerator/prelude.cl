// Put before every program. A tensor is two parameters, its buffer and its first element:
//   kernel void copy(TENSOR(const float, from), TENSOR(float, to)) { OPEN(const float, from); OPEN(float, to);
//   to[get_global_id(0)] = ...
// A tensor that was not given is null.
#define TENSOR(type, name) global type *name##_buffer, const ulong name##_first
#define OPEN(type, name) global type* name = name##_buffer + name##_first

// for each element i of n that is this item's
#define FOR_EACH(i, n) for (long i = (long)get_global_id(0); i < (n); i += (long)get_global_size(0))

// Rows: a group is lanes (dimension 0) that share a row x rows (dimension 1); groups follow each other in dimension 0,
// whose number has the widest limit. All items must reach sums and maxima.
#define LANE ((long)get_local_id(0))
#define LANES ((long)get_local_size(0))
#define ROW ((long)get_group_id(0) * (long)get_local_size(1) + (long)get_local_id(1))

// Sum of x over the lanes of a row, in a fixed order, for each of them. scratch: a float an item.
float sum_lanes(float x, local float* scratch) {
  local float* mine = scratch + get_local_id(1) * get_local_size(0);
  const uint lane = get_local_id(0);
  barrier(CLK_LOCAL_MEM_FENCE);
  mine[lane] = x;
  for (uint half_width = get_local_size(0) / 2; half_width > 0; half_width /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane < half_width) mine[lane] += mine[lane + half_width];
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  return mine[0];
}

float max_lanes(float x, local float* scratch) {
  local float* mine = scratch + get_local_id(1) * get_local_size(0);
  const uint lane = get_local_id(0);
  barrier(CLK_LOCAL_MEM_FENCE);
  mine[lane] = x;
  for (uint half_width = get_local_size(0) / 2; half_width > 0; half_width /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane < half_width) mine[lane] = fmax(mine[lane], mine[lane + half_width]);
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  return mine[0];
}

// bfloat16 as its bits: the upper half of a float, rounded to nearest even.
ushort to_bfloat16(float x) {
  const uint bits = as_uint(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (ushort)((bits >> 16) | 0x40u);
  return (ushort)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
float from_bfloat16(ushort bits) { return as_float((uint)bits << 16); }

#define IGNORED_LABEL (-100)
