#include "distributed/launch.h"

#include <memory>

#include "tests/data/folders.h"
#include "tests/device/environment.h"

namespace trm::testing {
namespace {

using Variables = std::vector<std::pair<const char*, const char*>>;

/// Only these variables of launchers, whatever this machine's own environment says.
struct Environment {
  std::vector<std::unique_ptr<WithEnvironment>> set;
  explicit Environment(const Variables& variables) {
    for (const char* name : {"RANK",
                             "WORLD_SIZE",
                             "LOCAL_RANK",
                             "LOCAL_WORLD_SIZE",
                             "MASTER_ADDR",
                             "MASTER_PORT",
                             "TORCHELASTIC_USE_AGENT_STORE",
                             "TORCHELASTIC_RUN_ID",
                             "TORCHELASTIC_RESTART_COUNT",
                             "TRM_RUN_ID",
                             "OMPI_COMM_WORLD_RANK",
                             "OMPI_COMM_WORLD_SIZE",
                             "OMPI_COMM_WORLD_LOCAL_RANK",
                             "OMPI_COMM_WORLD_LOCAL_SIZE",
                             "MV2_COMM_WORLD_LOCAL_RANK",
                             "PMIX_NAMESPACE",
                             "PMIX_RANK",
                             "PMI_RANK",
                             "PMI_SIZE",
                             "MPI_LOCALRANKID",
                             "MPI_LOCALNRANKS",
                             "SLURM_PROCID",
                             "SLURM_NTASKS",
                             "SLURM_LOCALID",
                             "SLURM_STEP_ID",
                             "SLURM_STEPID",
                             "SLURM_STEP_NUM_TASKS",
                             "SLURM_JOB_ID",
                             "SLURM_STEP_NODELIST",
                             "SLURM_JOB_NODELIST"})
      set.push_back(std::make_unique<WithEnvironment>(name, std::nullopt));
    for (const auto& [name, value] : variables) set.push_back(std::make_unique<WithEnvironment>(name, value));
  }
};

TEST(Launch, NobodyMeansOneProcess) {
  const Environment none(Variables{});
  const Launch launch = find_launch({});
  EXPECT_EQ(launch.by, Launch::By::nobody);
  EXPECT_FALSE(launch.several());
  EXPECT_EQ(launcher_variable(), "");
  const Environment one({{"RANK", "0"}, {"WORLD_SIZE", "1"}, {"LOCAL_RANK", "0"}});
  EXPECT_FALSE(find_launch({}).several()) << "a launcher that starts one process";
  EXPECT_EQ(launcher_variable(), "LOCAL_RANK");
}

TEST(Launch, FlagsComeFirst) {
  const Environment torchrun({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}});
  const Launch launch =
      find_launch({.rank = 3, .world_size = 4, .local_rank = 1, .processes = {}, .master = "[fe80::1]:4000"});
  EXPECT_EQ(launch.by, Launch::By::flags);
  EXPECT_EQ(launch.rank, 3);
  EXPECT_EQ(launch.world_size, 4);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.master, "fe80::1");
  EXPECT_EQ(launch.port, 4000);
  const auto flags = [](std::optional<int> rank, std::optional<int> size, std::optional<std::string> master) {
    return find_launch({rank, size, {}, {}, master});
  };
  EXPECT_ERROR_WITH(flags(1, {}, "a:1"), "--world-size is missing");
  EXPECT_ERROR_WITH(flags(1, 2, {}), "--master HOST:PORT is missing");
  EXPECT_ERROR_WITH(flags(2, 2, "a:1"), "--rank 2 --world-size 2");
  EXPECT_ERROR_WITH(flags(1, 2, "a"), "--master a", "HOST:PORT");
  EXPECT_ERROR_WITH(flags(1, 2, "a:70000"), "70000");
  EXPECT_ERROR_WITH(flags(1, 2, "a:x"), "port=x");
}

TEST(Launch, ByTorchrun) {
  const Environment set({{"RANK", "3"},
                         {"WORLD_SIZE", "8"},
                         {"LOCAL_RANK", "1"},
                         {"LOCAL_WORLD_SIZE", "2"},
                         {"MASTER_ADDR", "host"},
                         {"MASTER_PORT", "29500"},
                         {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                         {"OMPI_COMM_WORLD_RANK", "0"}});
  const Launch launch = find_launch({});
  EXPECT_EQ(launch.by, Launch::By::torchrun);
  EXPECT_EQ(launch.rank, 3);
  EXPECT_EQ(launch.local_size, 2);
  EXPECT_EQ(launch.master, "host");
  EXPECT_EQ(launch.port, 29501) << "its agent listens on MASTER_PORT itself";
  EXPECT_TRUE(launch.port_near);
  const std::string run = launch.run;
  const WithEnvironment again("TORCHELASTIC_RESTART_COUNT", "1");
  EXPECT_NE(find_launch({}).run, run) << "a restarted run is another one";
  const WithEnvironment own("TORCHELASTIC_USE_AGENT_STORE", "False");
  EXPECT_EQ(find_launch({}).port, 29500);
}

TEST(Launch, WhatIsMissingOrWrongIsNamed) {
  const auto error = [](const Variables& variables) {
    const Environment set(variables);
    return error_of([] { find_launch({}); });
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(error({{"RANK", "1"}}), "WORLD_SIZE is not set, though RANK=1 is"));
  EXPECT_TRUE(has(error({{"LOCAL_RANK", "1"}}), "RANK is not set, though LOCAL_RANK=1 is"));
  EXPECT_TRUE(has(error({{"WORLD_SIZE", "2"}}), "RANK is not set, though WORLD_SIZE=2 is"));
  EXPECT_TRUE(has(error({{"RANK", "one"}, {"WORLD_SIZE", "2"}}), "RANK=one"));
  EXPECT_TRUE(has(error({{"RANK", "2"}, {"WORLD_SIZE", "2"}}), "RANK=2 and WORLD_SIZE=2"));
  EXPECT_TRUE(has(error({{"RANK", "1"}, {"WORLD_SIZE", "2"}}), "MASTER_ADDR"));
  EXPECT_TRUE(has(error({{"OMPI_COMM_WORLD_LOCAL_RANK", "1"}}), "OMPI_COMM_WORLD_RANK is not set"));
  EXPECT_TRUE(has(error({{"PMI_RANK", "1"}}), "PMI_SIZE is not set"));
}

TEST(Launch, ByMpi) {
  {
    const Environment set({{"OMPI_COMM_WORLD_RANK", "1"},
                           {"OMPI_COMM_WORLD_SIZE", "2"},
                           {"OMPI_COMM_WORLD_LOCAL_RANK", "0"},
                           {"OMPI_COMM_WORLD_LOCAL_SIZE", "1"}});
    const Launch launch = find_launch({});
    EXPECT_EQ(launch.by, Launch::By::open_mpi);
    EXPECT_EQ(launch.rank, 1);
    EXPECT_EQ(launch.local_rank, 0);
    EXPECT_EQ(launch.master, "") << "on two machines: MPI tells where rank 0 is";
  }
  const Environment set({{"PMI_RANK", "1"}, {"PMI_SIZE", "4"}, {"MPI_LOCALRANKID", "1"}});
  EXPECT_EQ(find_launch({}).by, Launch::By::mpi);
  EXPECT_EQ(find_launch({}).world_size, 4);
}

TEST(Launch, BySlurmOnlyInAStepOfSeveralTasks) {
  {
    const Environment shell(
        {{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}, {"SLURM_LOCALID", "0"}});
    EXPECT_FALSE(find_launch({}).several()) << "a batch script or a shell in an allocation";
  }
  {
    const Environment one({{"SLURM_JOB_ID", "7"},
                           {"SLURM_NTASKS", "4"},
                           {"SLURM_STEP_ID", "0"},
                           {"SLURM_STEP_NUM_TASKS", "1"},
                           {"SLURM_PROCID", "0"}});
    EXPECT_FALSE(find_launch({}).several()) << "a step of one task";
  }
  const Environment step({{"SLURM_JOB_ID", "7"},
                          {"SLURM_NTASKS", "16"},
                          {"SLURM_STEP_ID", "2"},
                          {"SLURM_PROCID", "9"},
                          {"SLURM_LOCALID", "1"},
                          {"SLURM_STEP_NODELIST", "gpu[08-09,11]"}});
  const Launch launch = find_launch({});
  EXPECT_EQ(launch.by, Launch::By::slurm);
  EXPECT_EQ(launch.rank, 9);
  EXPECT_EQ(launch.world_size, 16);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.master, "gpu08");
  EXPECT_GE(launch.port, 20000);
  EXPECT_EQ(launch.run, "slurm/7.2");
}

TEST(Launch, FirstHostOfASlurmList) {
  EXPECT_EQ(first_host("node1"), "node1");
  EXPECT_EQ(first_host("a,b"), "a");
  EXPECT_EQ(first_host("node[07-09,12],other"), "node07");
  EXPECT_EQ(first_host("rack1-[3,5].cluster,x"), "rack1-3.cluster");
}

TEST(Launch, NeverOnTheAccelerator) {
  const Environment none(Variables{});
  EXPECT_NO_THROW(refuse_launchers(DeviceKind::accelerator, false));
  EXPECT_ERROR_WITH(refuse_launchers(DeviceKind::accelerator, true),
                    "Distributed training is not supported on the accelerator");
  const Environment rank(Variables{{"PMI_RANK", "0"}});
  EXPECT_ERROR_WITH(refuse_launchers(DeviceKind::accelerator, false), "use CUDA for several GPUs");
  EXPECT_NO_THROW(refuse_launchers(DeviceKind::cuda, true));
}

}  // namespace
}  // namespace trm::testing
