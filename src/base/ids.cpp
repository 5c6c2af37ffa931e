#include "base/ids.h"

#include <algorithm>

#include "base/error.h"

namespace carillon::base {
namespace {

constexpr unsigned kSequenceBits = 12;
constexpr unsigned kNodeBits = 10;
constexpr unsigned kTimeShift = kSequenceBits + kNodeBits;
constexpr std::uint64_t kMaxMs = (1ULL << 41) - 1;
constexpr std::size_t kDigits = 13;
constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";  // Crockford: no i, l, o, u
static_assert(kIdPerMs == 1ULL << kSequenceBits && kIdNodeMax + 1 == 1U << kNodeBits);

int digit_value(char c) noexcept {
  const char* const at = std::char_traits<char>::find(kAlphabet, 32, c);
  return at == nullptr ? -1 : static_cast<int>(at - kAlphabet);
}

std::uint64_t ms_since_epoch(Time t) noexcept {
  return std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(to_ms(t) - kIdEpochMs, 0)), kMaxMs);
}

}  // namespace

IdGenerator::IdGenerator(const Clock& clock, unsigned node, std::int64_t floor) : clock_(clock), node_(node) {
  CARILLON_ASSERT(node <= kIdNodeMax);
  CARILLON_ASSERT(floor >= 0);
  // The floor may come from another node, so its sequence says nothing: start after its millisecond.
  if (floor > 0) next_ms_ = (static_cast<std::uint64_t>(floor) >> kTimeShift) + 1;
}

std::int64_t IdGenerator::take(std::size_t count) {
  CARILLON_ASSERT(count >= 1 && count <= kIdPerMs);
  const std::uint64_t now_ms = ms_since_epoch(clock_.now());
  const std::lock_guard lock(mutex_);
  if (now_ms > next_ms_) {
    next_ms_ = now_ms;
    next_seq_ = 0;
  } else if (next_seq_ + count > kIdPerMs) {
    ++next_ms_;
    next_seq_ = 0;
  }
  CARILLON_ASSERT(next_ms_ <= kMaxMs);
  const std::uint64_t id = (next_ms_ << kTimeShift) | (node_ << kSequenceBits) | next_seq_;
  next_seq_ += count;
  return static_cast<std::int64_t>(id);
}

Time id_time(std::int64_t id) noexcept { return from_ms((id >> kTimeShift) + kIdEpochMs); }

std::int64_t id_floor(Time t) noexcept { return static_cast<std::int64_t>(ms_since_epoch(t) << kTimeShift); }

void append_id(std::string& out, std::string_view prefix, std::int64_t id) {
  out.append(prefix);
  const std::size_t start = out.size();
  out.resize(start + kDigits);
  auto rest = static_cast<std::uint64_t>(id);
  for (std::size_t i = kDigits; i-- > 0; rest >>= 5) out[start + i] = kAlphabet[rest & 31];
}

std::string id_text(std::string_view prefix, std::int64_t id) {
  std::string out;
  out.reserve(prefix.size() + kDigits);
  append_id(out, prefix, id);
  return out;
}

std::optional<std::int64_t> parse_id(std::string_view prefix, std::string_view text) {
  if (text.size() != prefix.size() + kDigits || !text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  std::uint64_t id = 0;
  for (const char c : text) {
    const int digit = digit_value(c);
    if (digit < 0) return std::nullopt;
    // 13 digits hold 65 bits; an id has 63.
    if (id >> 58 != 0) return std::nullopt;
    id = id << 5 | static_cast<std::uint64_t>(digit);
  }
  return static_cast<std::int64_t>(id);
}

}  // namespace carillon::base
