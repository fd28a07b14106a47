#pragma once
#include "generate/options.h"
#include "runtime/checkpoint_state.h"

namespace trm {

/// Answers --prompt, all of standard input, or turn after turn of --interactive. Throws UsageError, PromptError,
/// TokenizerError.
void answer_prompts(const LoadedModel& loaded, const Options& options);

/// --serve. Throws UsageError, TokenizerError, serve::ServeError.
void serve_prompts(const LoadedModel& loaded, const Options& options);

}  // namespace trm
