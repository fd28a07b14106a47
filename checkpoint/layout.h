#pragma once
// Names inside a checkpoint file. Root attributes unless said otherwise.

namespace trm::checkpoint::layout {

inline constexpr char format[] = "format", format_name[] = "trm-checkpoint";
inline constexpr char version[] = "format_version";
inline constexpr char step[] = "step";
inline constexpr char config[] = "config";
inline constexpr char tokenizer[] = "tokenizer";
inline constexpr char long_texts[] = "long_texts";
inline constexpr char metadata_hash[] = "xxh64";
inline constexpr char array_hash[] = "xxh64";  // attribute of each dataset
inline constexpr char notes[] = "notes";       // a group, one attribute a note

}  // namespace trm::checkpoint::layout
