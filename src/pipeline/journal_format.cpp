#include "pipeline/journal_format.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/crypto.h"

namespace carillon::pipeline::journal_format {
namespace {

static_assert(std::endian::native == std::endian::little, "integers are copied as they are in memory");

constexpr std::string_view kMagic = "CRLJRNL1";
constexpr std::size_t kPrefixSize = 7;  // CRC, length, kind
constexpr std::uint8_t kStart = 1, kOutcome = 2;
constexpr std::uint8_t kSuspicious = 1, kInvalidSince = 2, kRetryAfter = 4, kOptOut = 8;

template <class T>
void put(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void put_text(std::string& out, std::string_view text, std::size_t max) {
  const auto kept = text.substr(0, max);
  put(out, static_cast<std::uint16_t>(kept.size()));
  out.append(kept);
}

// Fills in the prefix of the record that begins at `from`.
void finish(std::string& out, std::size_t from, std::uint8_t kind) {
  const auto length = static_cast<std::uint16_t>(out.size() - from - kPrefixSize);
  char* at = out.data() + from;
  std::memcpy(at + 4, &length, sizeof length);
  std::memcpy(at + 6, &kind, sizeof kind);
  const std::uint32_t crc = base::crc32c(std::string_view(out).substr(from + 4));
  std::memcpy(at, &crc, sizeof crc);
}

// Reads from the front; sticks at the first thing that is not there.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  T take() {
    T value{};
    if (rest_.size() < sizeof value) {
      is_good_ = false;
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view take_bytes(std::size_t count) {
    if (rest_.size() < count) {
      is_good_ = false;
      return {};
    }
    const auto bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  std::string take_text(std::size_t max) {
    const auto length = take<std::uint16_t>();
    if (length > max) is_good_ = false;
    return std::string(is_good_ ? take_bytes(length) : std::string_view{});
  }
  [[nodiscard]] bool is_good() const noexcept { return is_good_; }
  [[nodiscard]] bool is_at_end() const noexcept { return is_good_ && rest_.empty(); }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

 private:
  std::string_view rest_;
  bool is_good_ = true;
};

bool parse_record(std::uint8_t kind, std::string_view body, Journal::Replay& replay) {
  Reader in(body);
  const auto delivery = in.take<std::int64_t>();
  const auto epoch = in.take<std::uint32_t>();
  if (kind == kStart) {
    if (in.is_at_end()) replay.found[{delivery, epoch}].started = true;
    return in.is_at_end();
  }
  if (kind != kOutcome) return false;
  const auto outcome_kind = in.take<std::uint8_t>();
  model::Outcome outcome;
  outcome.status = in.take<std::int32_t>();
  const auto flags = in.take<std::uint8_t>();
  outcome.is_suspicious = (flags & kSuspicious) != 0;
  outcome.is_opt_out = (flags & kOptOut) != 0;
  if ((flags & kInvalidSince) != 0) outcome.invalid_since = from_ms(in.take<std::int64_t>());
  if ((flags & kRetryAfter) != 0) outcome.retry_after = Millis(in.take<std::int64_t>());
  outcome.code = in.take_text(kDetailMax);
  outcome.detail = in.take_text(kDetailMax);
  outcome.provider_id = in.take_text(kProviderIdMax);
  if (!in.is_at_end() || outcome_kind >= model::kOutcomeKindCount) return false;
  outcome.kind = static_cast<model::OutcomeKind>(outcome_kind);
  replay.found[{delivery, epoch}].outcome = std::move(outcome);
  return true;
}

}  // namespace

void append_header(std::string& out, const Header& header) {
  const std::size_t from = out.size();
  out.append(kMagic);
  put(out, header.owner.node);
  put(out, header.owner.epoch);
  put(out, header.segment);
  std::string boot_id = header.boot_id;
  boot_id.resize(kBootIdSize, ' ');
  out.append(boot_id);
  put(out, base::crc32c(std::string_view(out).substr(from)));
}

void append_start(std::string& out, std::int64_t delivery, std::uint32_t epoch) {
  char record[kStartSize];
  constexpr std::uint16_t kLength = kStartSize - kPrefixSize;
  std::memcpy(record + 4, &kLength, sizeof kLength);
  std::memcpy(record + 6, &kStart, sizeof kStart);
  std::memcpy(record + 7, &delivery, sizeof delivery);
  std::memcpy(record + 15, &epoch, sizeof epoch);
  const std::uint32_t crc = base::crc32c({record + 4, kStartSize - 4});
  std::memcpy(record, &crc, sizeof crc);
  out.append(record, kStartSize);
}

void append_outcome(std::string& out, std::int64_t delivery, std::uint32_t epoch,
                    const model::Outcome& outcome) {
  const std::size_t from = out.size();
  out.append(kPrefixSize, '\0');
  put(out, delivery);
  put(out, epoch);
  put(out, static_cast<std::uint8_t>(outcome.kind));
  put(out, static_cast<std::int32_t>(outcome.status));
  std::uint8_t flags = 0;
  if (outcome.is_suspicious) flags |= kSuspicious;
  if (outcome.invalid_since) flags |= kInvalidSince;
  if (outcome.retry_after) flags |= kRetryAfter;
  if (outcome.is_opt_out) flags |= kOptOut;
  put(out, flags);
  if (outcome.invalid_since) put(out, to_ms(*outcome.invalid_since));
  if (outcome.retry_after) put(out, static_cast<std::int64_t>(outcome.retry_after->count()));
  put_text(out, outcome.code, kDetailMax);
  put_text(out, outcome.detail, kDetailMax);
  put_text(out, outcome.provider_id, kProviderIdMax);
  finish(out, from, kOutcome);
}

std::optional<Header> parse_header(std::string_view bytes) {
  Reader in(bytes.substr(0, kHeaderSize));
  if (in.take_bytes(kMagic.size()) != kMagic) return std::nullopt;
  Header header;
  header.owner.node = in.take<std::uint32_t>();
  header.owner.epoch = in.take<std::uint32_t>();
  header.segment = in.take<std::uint64_t>();
  header.boot_id = in.take_bytes(kBootIdSize);
  const auto crc = in.take<std::uint32_t>();
  if (!in.is_good() || crc != base::crc32c(bytes.substr(0, kHeaderSize - sizeof crc))) return std::nullopt;
  header.boot_id.erase(header.boot_id.find_last_not_of(' ') + 1);
  return header;
}

std::size_t parse_records(std::string_view bytes, Journal::Replay& replay) {
  std::size_t count = 0;
  Reader in(bytes.substr(std::min(bytes.size(), kHeaderSize)));
  while (true) {
    const auto crc = in.take<std::uint32_t>();
    const auto covered = in.rest();
    const auto length = in.take<std::uint16_t>();
    const auto kind = in.take<std::uint8_t>();
    const auto body = in.take_bytes(length);
    if (!in.is_good() || base::crc32c(covered.substr(0, 3U + length)) != crc) return count;
    if (!parse_record(kind, body, replay)) return count;
    ++count;
  }
}

}  // namespace carillon::pipeline::journal_format
