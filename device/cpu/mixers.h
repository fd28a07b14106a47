#pragma once

namespace trm::cpu {

/// channel_mixer, token_mixer
void register_mixers();

}  // namespace trm::cpu
