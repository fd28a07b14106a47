#include <exception>
#include <filesystem>
#include <iostream>
#include <new>

#include "data/files.h"
#include "device/op.h"
#include "device/selection.h"
#include "pretrain/command_line.h"
#include "pretrain/evaluate_checkpoints.h"
#include "pretrain/processes.h"
#include "pretrain/signals.h"
#include "pretrain/trainer.h"
#include "runtime/check_setup.h"
#include "runtime/op_report.h"
#include "runtime/programs.h"
#include "settings/compose.h"
#include "settings/keys.h"

namespace trm {
namespace {

LoadedSettings settings_of(const CommandLine& line) {
  LoadRequest request;
  request.config_name = line.config_name;
  if (line.config_path) request.config_path = *line.config_path;
  request.overrides = line.overrides;
  request.installed_folder = installed_config_folder();
  LoadedSettings loaded = load_settings(request);
  for (const std::string& warning : loaded.warnings) logging::warn(warning);
  return loaded;
}

Device choose_device(const CommandLine& line) {
  dispatch_settings();  // what the environment says of ops is read and checked
  return select_device(line.device).device;
}

/// For what one process does by itself.
Device single_device(const CommandLine& line) {
  const Device device = choose_device(line);
  refuse_launchers(device.kind, false);
  logging::note("Using device: " + to_string(device));
  return device;
}

void report_ops(const std::string& file) {
  if (file.empty()) {
    std::cout << op_report();
    return;
  }
  write_op_report(file);
  logging::note("Op report: " + file);
}

/// Of the exception being handled.
void say_failure() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    logging::error(process_name() +
                   "the memory of this machine does not suffice; lower global_batch_size (and raise "
                   "gradient_accumulation_steps), or the model's sizes");
  } catch (const std::exception& error) {
    logging::error(process_name() + error.what());
  }
}

int train(const CommandLine& line, const Settings& settings, const std::string& program) {
  if (const auto status = start_processes(line, program)) return *status;
  const Device chosen = choose_device(line);
  const Launch launch = find_process(line, chosen, program);
  const Device device = device_of(launch, chosen, line);
  logging::note("Using device: " + to_string(device));
  TrainingData data = TrainingData::open(settings);
  const std::unique_ptr<Communicator> communicator = join_others(line, launch, device, settings, data);
  try {
    RunPlan plan = plan_together(*communicator, settings, data.metadata);
    if (line.op_report) dispatch_settings().timing = true;
    catch_stop_signals();
    Trainer trainer(settings, std::move(data), std::move(plan), device, *communicator);
    const int status = trainer.run(resume_command(program, line, trainer.folder().string()));
    if (line.op_report && communicator->first()) report_ops(*line.op_report);
    communicator->finish();
    return status;
  } catch (const std::exception&) {
    // Said before the others hear of it: their end is this process's too.
    say_failure();
    return 1;
  }
}

int run(int argc, char** argv) {
  const CommandLine line = parse_command_line(argc, argv);
  logging::show_from(line.log_level);
  if (line.fallback) set_fallback(*line.fallback);
  if (line.help)
    std::cout << usage();
  else if (line.help_config)
    std::cout << describe_keys();
  else if (line.list_devices)
    std::cout << describe_devices();
  else if (line.print_config)
    std::cout << to_yaml(settings_of(line).settings);
  else if (line.evaluate) {
    const Device device = single_device(line);
    catch_stop_signals();
    return evaluate_checkpoints(line.checkpoints, line.overrides, device);
  } else if (line.check_setup) {
    if (!line.overrides.empty()) settings_of(line);
    return check_setup(single_device(line), std::cout) ? 0 : 1;
  } else {
    const Settings settings = settings_of(line).settings;
    if (!line.op_report || !settings.data_paths.empty()) return train(line, settings, argv[0]);
    single_device(line);
    report_ops(*line.op_report);
  }
  return 0;
}

}  // namespace
}  // namespace trm

int main(int argc, char** argv) {
  using namespace trm;
  start_messages(logging::Notes::standard_output);
  try {
    const int status = run(argc, argv);
    std::cout.flush();
    if (std::cout) return status;
    logging::error("standard output is closed or full: what was to be written there is missing, all else was done");
  } catch (const std::exception&) {
    say_failure();
  }
  return 1;
}
