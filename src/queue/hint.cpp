#include "queue/hint.h"

#include <fmt/format.h>

#include "base/error.h"

namespace carillon::queue {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kIdBytes = 8;

}  // namespace

std::string encode_hint(std::span<const std::int64_t> ids) {
  CARILLON_ASSERT(!ids.empty() && ids.size() <= kHintIdsMax);
  std::string bytes(1, kVersion);
  bytes.reserve(1 + ids.size() * kIdBytes);
  for (const std::int64_t id : ids) {
    const auto value = static_cast<std::uint64_t>(id);
    for (unsigned shift = 64; shift > 0;) bytes += static_cast<char>((value >> (shift -= 8)) & 0xff);
  }
  return bytes;
}

std::optional<std::vector<std::int64_t>> decode_hint(std::string_view bytes) {
  const bool is_whole = bytes.size() > 1 && (bytes.size() - 1) % kIdBytes == 0;
  if (!is_whole || bytes.front() != kVersion || bytes.size() > 1 + kHintIdsMax * kIdBytes)
    return std::nullopt;
  std::vector<std::int64_t> ids;
  ids.reserve((bytes.size() - 1) / kIdBytes);
  for (std::size_t at = 1; at < bytes.size(); at += kIdBytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < kIdBytes; ++i)
      value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
    const auto id = static_cast<std::int64_t>(value);
    if (id <= 0) return std::nullopt;
    ids.push_back(id);
  }
  return ids;
}

std::string topic_of(std::string_view prefix, model::Lane lane) {
  return fmt::format("{}.{}", group_of(prefix, lane.queue), name(lane.priority));
}

std::string group_of(std::string_view prefix, model::Queue queue) {
  return fmt::format("{}delivery.{}", prefix, name(queue));
}

}  // namespace carillon::queue
