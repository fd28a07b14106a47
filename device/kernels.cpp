#include "device/kernels.h"

namespace trm::kernels {

Op<void(Tensor&, float)> fill("fill");
Op<void(const Tensor&, Tensor&)> cast("cast");
Op<void(const Tensor&, const Tensor&, Tensor&)> add("add");
Op<void(const Tensor&, const Tensor&, const Tensor&, Tensor&)> add3("add3");
Op<void(const Tensor&, const std::vector<Weight*>&)> pack_weight("pack_weight", WithoutKernel::unneeded);
Op<void(const Tensor&, const Weight&, Tensor&)> linear("linear");
Op<void(const Tensor&, const Weight&, Tensor&, bool)> linear_backward_input("linear_backward_input");
Op<void(const Tensor&, const Tensor&, Tensor&)> linear_backward_weight("linear_backward_weight");
Op<void(const Tensor&, const Weight&, Tensor&)> token_linear("token_linear");
Op<void(const Tensor&, const Weight&, Tensor&, bool)> token_linear_backward_input("token_linear_backward_input");
Op<void(const Tensor&, const Tensor&, Tensor&)> token_linear_backward_weight("token_linear_backward_weight");
Op<void(const Tensor&, const Weight&, Tensor&, Tensor*)> linear_swiglu("linear_swiglu");
Op<void(const Tensor&, const Weight&, const Tensor&, Tensor&, Tensor&)> linear_swiglu_backward("linear_swiglu_backward");
Op<void(const Tensor&, const Weight&, Tensor&, Tensor*)> token_linear_swiglu("token_linear_swiglu");
Op<void(const Tensor&, const Weight&, const Tensor&, Tensor&, Tensor&)> token_linear_swiglu_backward("token_linear_swiglu_backward");
Op<void(const Tensor&, const Weight&, const Tensor&, float, Tensor&, Tensor*)> linear_residual_rms_norm("linear_residual_rms_norm");
Op<void(const Tensor&, const Weight&, const Tensor&, float, Tensor&, Tensor*)> token_linear_residual_rms_norm("token_linear_residual_rms_norm");
Op<void(const Tensor&, const Tensor&, const Tensor&, Tensor&)> rms_norm_backward("rms_norm_backward");
Op<void(const Tensor&, const Tensor&, const Tensor&, Tensor&)> token_rms_norm_backward("token_rms_norm_backward");
Op<void(const Tensor&, const Weight&, const Weight&, float, Tensor&)> token_mixer("token_mixer", WithoutKernel::composed);
Op<void(const Tensor&, const Weight&, const Weight&, float, Tensor&, Tensor&)> token_mixer_forward("token_mixer_forward", WithoutKernel::composed);
Op<void(const Tensor&, const Tensor&, const Weight&, const Weight&, Tensor&, Tensor*, Tensor*)> token_mixer_backward("token_mixer_backward", WithoutKernel::composed);
Op<void(const Tensor&, const Weight&, const Weight&, float, Tensor&)> channel_mixer("channel_mixer", WithoutKernel::composed);
Op<void(Tensor&, const Tensor&, const Tensor&, const Tensor*, int, bool)> rope("rope");
Op<void(const Tensor&, const Weight&, const Tensor&, const Tensor&, int, Tensor&)> linear_rope("linear_rope", WithoutKernel::composed);
Op<void(const Tensor&, int, bool, Tensor&, Tensor*)> attention("attention");
Op<void(const Tensor&, const Tensor&, const Tensor&, const Tensor&, int, bool, Tensor&)> attention_backward("attention_backward");
Op<void(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, int, bool, Tensor&)> attention_rope_backward("attention_rope_backward", WithoutKernel::composed);
Op<void(const Tensor&, const Tensor&, int, Tensor&, Tensor&, Tensor&)> attention_cached("attention_cached");
Op<void(const std::vector<Tensor>&, const std::vector<CachedBlock>&, const Tensor*, const Tensor*, const Tensor&, int, float, Tensor&)> cached_level("cached_level", WithoutKernel::composed);
Op<void(const Tensor&, const Tensor&, const Tensor*, const Tensor*, float, Tensor&)> input_embedding("input_embedding");
Op<void(const Tensor&, const Tensor&, float, Tensor&, Tensor*, Tensor*)> input_embedding_backward("input_embedding_backward");
Op<void(const Tensor&, const Tensor&, Tensor&)> gather_rows("gather_rows", Dtypes::float32);
Op<void(const Tensor&, Tensor&)> drop_positions("drop_positions");
Op<void(const Tensor&, Tensor&)> drop_positions_backward("drop_positions_backward");
Op<void(const Tensor&, float, Tensor&, Tensor&)> label_counts("label_counts", Dtypes::float32);
Op<void(const Tensor&, const Tensor&, LossKind, Tensor&, Tensor&, Tensor&)> cross_entropy("cross_entropy");
Op<void(Tensor&, const Tensor&, const Tensor&, const Tensor&, LossKind)> cross_entropy_backward("cross_entropy_backward");
Op<void(const Tensor&, const Weight&, const Tensor&, const Tensor&, LossKind, Tensor&, Tensor&, Tensor*, Tensor*)> linear_cross_entropy("linear_cross_entropy");
Op<void(const Tensor&, int, int, Tensor&)> last_positions("last_positions", Dtypes::float32);
Op<void(const Tensor&, const Tensor&, const Tensor&, const Tensor*, Tensor&)> q_head("q_head");
Op<void(const Tensor&, const Tensor&, const Tensor&, const Tensor*, Tensor&, Tensor&, Tensor&)> q_head_backward("q_head_backward");
Op<void(const Tensor&, const Tensor&, Tensor&)> reset_rows("reset_rows");
Op<void(const Tensor&, const Tensor&, Tensor&)> select_rows("select_rows");
Op<void(const Tensor&, HaltingRule, Tensor&, Tensor&, Tensor&)> act_halt("act_halt", Dtypes::float32);
Op<void(const Tensor&, const Tensor&, int, Tensor&)> q_continue_target("q_continue_target", Dtypes::float32);
Op<void(const Tensor&, const Tensor*, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, float, Tensor&, Tensor&)> act_loss("act_loss", Dtypes::float32);
Op<void(const Tensor&, Tensor&)> sum_of_squares("sum_of_squares", Dtypes::float32);
Op<void(const UpdatePlan&, const Tensor&, const Tensor*, Tensor&, Tensor&)> plan_update("plan_update", Dtypes::float32);
Op<void(const Tensor&, const Tensor&, const AdamSettings&, Tensor&, Tensor&, Tensor&, Tensor*, Tensor*)> adamw("adamw", Dtypes::float32);
Op<void(const Tensor&, const Tensor&, const AdamSettings&, Tensor&, Tensor&, Tensor&, Tensor*, Tensor*)> adam_atan2("adam_atan2", Dtypes::float32);
Op<void(const Tensor&, const Tensor&, const Tensor&, float, Tensor&)> sign_sgd("sign_sgd", Dtypes::float32);

}  // namespace trm::kernels
