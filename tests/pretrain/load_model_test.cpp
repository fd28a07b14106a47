// The bridges of runtime/: settings to a model, checkpoints to a model to generate from.
#include "runtime/checkpoint_state.h"
#include "runtime/model_settings.h"
#include "settings/error.h"
#include "tests/pretrain/run_program.h"

namespace trm {
namespace {

using namespace testing;

class LoadModel : public PretrainTest {};

std::vector<float> values(const Tensor& tensor) { return tensor.to_vector<float>(); }

std::vector<float> values(const checkpoint::Array& array) {
  const auto all = array.as<float>();
  return {all.begin(), all.end()};
}

TEST_F(LoadModel, TheMovingAverageOfARunWhereItKeptOne) {
  make_chat();
  ASSERT_EQ(run(chat() + Arguments{"max_steps=4", "ema=True", "ema_rate=0.5"}).status, 0);
  const auto saved = load("run/step_4.h5");
  const std::string head = "model.inner.lm_head.weight";
  for (const bool ema : {true, false}) {
    LoadOptions options;
    options.prefer_ema = ema;
    const LoadedModel loaded = load_model(folder_ / "run", cpu_device, options);
    EXPECT_EQ(loaded.ema, ema);
    EXPECT_EQ(loaded.step, 4);
    EXPECT_EQ(loaded.data.seq_len, 8);
    EXPECT_EQ(loaded.model->config().vocab_size, 16);
    EXPECT_EQ(values(loaded.model->parameters().find(head)->master),
              values(saved.arrays.at((ema ? "ema/" : "model/") + head)));
    EXPECT_FALSE(loaded.model->parameters().find(head)->trained());
  }
  LoadOptions narrow;
  narrow.dtype = DType::bfloat16;
  EXPECT_EQ(load_model(folder_ / "run/step_4.h5", cpu_device, narrow).model->dtype(),
            Backend::of(cpu_device).supports(DType::bfloat16) ? DType::bfloat16 : DType::float32);
}

TEST_F(LoadModel, WeightsOfThePythonProject) {
  TRM_REQUIRE_SHARED("golden/trm_chat.pt");
  fs::create_directories(folder_ / "run");
  fs::copy_file(shared_dir() / "golden/trm_chat.pt", folder_ / "run/step_70");
  EXPECT_ERROR_WITH(load_model(folder_ / "run/step_70", cpu_device), "step_70", "all_config.yaml");
  const auto stored = read_model(folder_ / "run/step_70", true);
  EXPECT_TRUE(stored.imported);
  const auto& table = stored.arrays.at("model/model.inner.embed_tokens.embedding_weight");
  const auto& qkv = stored.arrays.at("model/model.inner.L_level.layers.0.self_attn.qkv_proj.weight");
  const auto& down = stored.arrays.at("model/model.inner.L_level.layers.0.mlp.down_proj.weight");
  int layers = 0;
  while (stored.arrays.contains("model/model.inner.L_level.layers." + std::to_string(layers) + ".mlp.down_proj.weight"))
    ++layers;
  const int64_t hidden = table.shape[1];
  EXPECT_EQ(qkv.shape[0], 3 * hidden);
  const std::string config =
      "arch:\n  name: recursive_reasoning.trm:TinyRecursiveReasoningModel_ACTV1\n  loss: {name: losses:ACTLossHead, "
      "loss_type: softmax_cross_entropy}\n"
      "  hidden_size: " +
      std::to_string(hidden) + "\n  num_heads: 2\n  expansion: " +
      std::to_string(1.5 * static_cast<double>(down.shape[1]) / static_cast<double>(hidden)) +
      "\n  L_layers: " + std::to_string(layers) +
      "\n  causal: true\n  pos_encodings: rope\n  puzzle_emb_ndim: 0\n  forward_dtype: float32\ndata_paths: "
      "[chat]\ndataset_type: chat\n";
  write_file(folder_ / "run/all_config.yaml", config);
  EXPECT_ERROR_WITH(load_model(folder_ / "run", cpu_device), "step_70", "sequence length");
  LoadOptions options;
  options.seq_len = 12;
  const LoadedModel loaded = load_model(folder_ / "run", cpu_device, options);
  EXPECT_TRUE(loaded.imported);
  EXPECT_EQ(loaded.step, 70);
  EXPECT_EQ(loaded.model->config().seq_len, 12);
  EXPECT_EQ(loaded.model->config().vocab_size, table.shape[0]);
  EXPECT_EQ(values(loaded.model->parameters().find("model.inner.lm_head.weight")->master),
            values(stored.arrays.at("model/model.inner.lm_head.weight")));

  // A run can start from it, and not be resumed from it.
  Synthetic data = tiny_data(12);
  data.metadata.vocab_size = static_cast<int32_t>(table.shape[0]);
  data.write(folder_ / "chat");
  const Arguments arch = {
      "arch.hidden_size=" + std::to_string(hidden), "arch.L_layers=" + std::to_string(layers),
      "arch.expansion=" + std::to_string(1.5 * static_cast<double>(down.shape[1]) / static_cast<double>(hidden))};
  const Result started =
      run(chat() + arch + Arguments{"max_steps=1", "checkpoint_path=new", "load_checkpoint=run/step_70"});
  EXPECT_EQ(started.status, 0) << started.output;
  expect_error(chat() + arch + Arguments{"max_steps=1", "checkpoint_path=new2", "resume=run/step_70"},
               {"PyTorch", "load_checkpoint=run/step_70"});
}

TEST(ModelSettings, SaysWhatIsNotKnownOrImpossible) {
  Settings settings;
  EXPECT_ERROR_WITH(model_config(settings, {}), "seq_len is not known");
  EXPECT_ERROR_WITH(model_config(settings, {8, {}, 1, 0}), "vocab_size is not known");
  EXPECT_ERROR_WITH(model_config(settings, {8, 0, 1, 0}), "vocab_size: got 0");
  settings.arch.hidden_size = 30;
  settings.arch.num_heads = 2;
  EXPECT_ERROR_WITH(model_config(settings, {8, 16, 1, 0}), "rope", "15");
}

TEST(ModelSettings, CarriesEveryKeyOver) {
  Settings s;
  s.arch.name = "trm_hier6";
  s.arch.loss_type = "softmax_cross_entropy";
  s.arch.q_position = "last";
  s.arch.pos_encodings = "learned";
  s.optimizer = "adam_atan2";
  s.lr = 0.25;
  s.lr_min_ratio = 0.5;
  s.lr_schedule = "linear";
  s.grad_clip_norm = 2;
  s.ema = true;
  s.ema_start = 9;
  s.muon_lr = 0.5;
  s.muon_momentum = 0.25;
  s.muon_steps = 7;
  s.muon_weight_decay = 0.125;
  s.muon_split_heads = true;
  const ModelConfig c = model_config(s, {8, 16, 3, 5});
  EXPECT_EQ(c.name, "trm_hier6");
  EXPECT_EQ(c.loss, LossKind::softmax);
  EXPECT_EQ(c.q_position, QPosition::last);
  EXPECT_EQ(c.pos_encodings, PositionEncoding::learned);
  EXPECT_EQ(c.pad_id, 5);
  const OptimizerSettings o = optimizer_settings(s, 77);
  EXPECT_EQ(o.name, "adam_atan2");
  EXPECT_EQ(o.schedule.decay, Decay::linear);
  EXPECT_EQ(o.schedule.total_steps, 77);
  EXPECT_EQ(o.lr, 0.25f);
  EXPECT_EQ(o.schedule.min_ratio, 0.5f);
  EXPECT_EQ(o.grad_clip_norm, 2.0f);
  EXPECT_TRUE(o.ema);
  EXPECT_EQ(o.ema_start, 9);
  EXPECT_EQ(o.muon.lr, 0.5f);
  EXPECT_EQ(o.muon.momentum, 0.25f);
  EXPECT_EQ(o.muon.steps, 7);
  EXPECT_EQ(o.muon.weight_decay, 0.125f);
  EXPECT_TRUE(o.muon.split_heads);
}

}  // namespace
}  // namespace trm
