#pragma once
#include "device/accelerator/programs.h"

namespace trm::accelerator {

// The .cl files of this folder.
extern const Source prelude_cl, act_cl, act_loss_cl, adam_cl, arithmetic_cl, attention_cached_cl, attention_softmax_cl,
    attention_tiles_cl, cross_entropy_cl, embedding_cl, embedding_backward_cl, few_rows_cl, label_counts_cl, muon_cl,
    newton_schulz_cl, plan_update_cl, product_cl, product_cpu_cl, q_head_cl, rms_norm_cl, rope_cl, rows_cl, sign_sgd_cl,
    sum_of_squares_cl, sum_parts_cl, swiglu_cl;

}  // namespace trm::accelerator
