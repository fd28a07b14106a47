#pragma once
// The parts of the groups whose ops have a file each: one function an op, called by the group's register function.

namespace trm::cpu {

void register_rope();
void register_attention_forward();
void register_attention_backward();
void register_attention_cached();

void register_cross_entropy();
void register_linear_cross_entropy();

void register_q_head();
void register_act_halt();
void register_act_loss();

void register_sum_of_squares();
void register_plan_update();
void register_adam();
void register_sign_sgd();

}  // namespace trm::cpu
