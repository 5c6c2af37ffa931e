// Ids: 64-bit, ordered by time, unique in an installation; shown as a prefix and 13 characters.
//
// Layout, high to low: 1 bit zero · 41 bits milliseconds since kIdEpoch · 10 bits node · 12 bits
// sequence. They are not secrets: every read is authorised.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace carillon::base {

inline constexpr std::int64_t kIdEpochMs = 1'735'689'600'000;  // 2025-01-01T00:00:00Z
inline constexpr unsigned kIdNodeMax = 1023;
inline constexpr std::uint64_t kIdPerMs = 4096;  // ids per node and millisecond

// Hands out ids for one node, always above the highest it was told of. Thread-safe. When more than
// kIdPerMs are wanted in one millisecond, or the wall clock steps back, it runs ahead of the clock.
class IdGenerator {
 public:
  // `floor`: highest id already stored, or 0; the first id is of a later millisecond than it.
  // `node`: 0 to kIdNodeMax, asserted. `clock` must outlive this.
  IdGenerator(const Clock& clock, unsigned node, std::int64_t floor);

  // The first of `count` ids that are consecutive integers (count 1 to kIdPerMs, asserted). The node
  // sits between milliseconds and sequence, so a run never crosses a millisecond: one that does not
  // fit into what is left of the present millisecond starts at the next.
  [[nodiscard]] std::int64_t take(std::size_t count = 1);

 private:
  const Clock& clock_;
  const std::uint64_t node_;
  std::mutex mutex_;
  std::uint64_t next_ms_ = 0;   // since kIdEpochMs
  std::uint64_t next_seq_ = 0;  // 0 to 4095
};

// When the id was made (millisecond; may be slightly ahead of the wall clock under bursts).
[[nodiscard]] Time id_time(std::int64_t id) noexcept;
// The smallest id of that millisecond: a bound for id-range scans.
[[nodiscard]] std::int64_t id_floor(Time t) noexcept;

// "ntf_" + 13 characters of Crockford base32, lower case.
[[nodiscard]] std::string id_text(std::string_view prefix, std::int64_t id);
// Appends the same to `out` without allocating another string.
void append_id(std::string& out, std::string_view prefix, std::int64_t id);
// Reads id_text() back; nullopt for another prefix or anything that is not exactly an id.
[[nodiscard]] std::optional<std::int64_t> parse_id(std::string_view prefix, std::string_view text);

// Prefixes of CONTRACT §6.
inline constexpr std::string_view kNotificationPrefix = "ntf_";
inline constexpr std::string_view kDeliveryPrefix = "dlv_";
inline constexpr std::string_view kAttemptPrefix = "att_";
inline constexpr std::string_view kJobPrefix = "job_";
inline constexpr std::string_view kObjectPrefix = "obj_";
inline constexpr std::string_view kMessagePrefix = "msg_";
inline constexpr std::string_view kDeadLetterPrefix = "dl_";
inline constexpr std::string_view kApprovalPrefix = "apr_";
inline constexpr std::string_view kAuditPrefix = "aud_";
inline constexpr std::string_view kAlertPrefix = "alr_";
inline constexpr std::string_view kAlertNoticePrefix = "aln_";
inline constexpr std::string_view kEventPrefix = "evt_";
inline constexpr std::string_view kSessionPrefix = "ses_";

}  // namespace carillon::base
