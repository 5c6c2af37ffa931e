// A message of a delivery topic: up to 64 ids of one queue and priority, nothing else (CONTRACT §8).
//
// One byte of version, 1, then the ids as 8 bytes each, most significant first. The topic says the lane:
// <prefix>delivery.<queue>.<priority>.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/channel.h"

namespace carillon::queue {

inline constexpr std::size_t kHintIdsMax = 64;

// `ids`: 1 to kHintIdsMax, asserted.
[[nodiscard]] std::string encode_hint(std::span<const std::int64_t> ids);
// Nullopt: not one of ours (length, version, an id that is not positive).
[[nodiscard]] std::optional<std::vector<std::int64_t>> decode_hint(std::string_view bytes);

[[nodiscard]] std::string topic_of(std::string_view prefix, model::Lane lane);
// The consumer group of a queue: <prefix>delivery.<queue>.
[[nodiscard]] std::string group_of(std::string_view prefix, model::Queue queue);

}  // namespace carillon::queue
