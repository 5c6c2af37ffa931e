// The outcome journal: what was begun and how it ended, written before anything else knows.
//
// It closes the gap between a provider's answer and the commit that records it: a killed process does
// not lose the page cache, so a restart replays it exactly (PIPELINE §4). One write(2) per wake-up, no
// fsync. Segments of 16 MiB under DATA/journal/, each record with a CRC; the header holds the kernel's
// boot id: after a reboot the content proves nothing and every owned row is Ambiguous.
// Delivery thread only. The bytes are described in journal_format.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "model/outcome.h"
#include "store/store_types.h"

namespace carillon::pipeline {

// The detail of an attempt that a killed process began, and nobody knows how it ended.
inline constexpr const char* kEndedWhileAsking = "this process ended while the provider was being asked";

struct JournalOptions {
  std::size_t segment_max = 16U << 20;  // bytes; a segment ends with the first flush beyond it
};

class Journal {
 public:
  // Makes the folder when missing and starts a new segment for `owner`. Old segments stay until
  // discard(). Errors: Unavailable.
  static Result<std::unique_ptr<Journal>> open(std::string folder, store::Owner owner,
                                               JournalOptions options = {});
  virtual ~Journal() = default;

  // Buffered until flush(), which must come before the bytes reach a provider (start) and before the
  // outcome is used (outcome).
  virtual void start(std::int64_t delivery, std::uint32_t epoch) = 0;
  // Of the outcome are kept: kind, status, code and detail (300 bytes each), provider_id (512 bytes),
  // invalid_since, is_suspicious.
  virtual void outcome(std::int64_t delivery, std::uint32_t epoch, const model::Outcome& outcome) = 0;
  // One write(2). Errors: Unavailable (disk full): nothing of this flush is in the file; the starts in it
  // are forgotten, as their caller begins nothing, and the outcomes stay for the next flush.
  virtual Result<void> flush() = 0;
  // The outcome of this claim is committed in the Store. A segment is removed once it is not the
  // newest and everything started in it is settled.
  virtual void settled(std::int64_t delivery, std::uint32_t epoch) = 0;

  // What a restart finds of earlier owners.
  struct Found {
    bool started = false;
    std::optional<model::Outcome> outcome;
  };
  struct Key {
    std::int64_t delivery;
    std::uint32_t epoch;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const noexcept {
      return std::hash<std::uint64_t>{}(static_cast<std::uint64_t>(k.delivery) * 31 + k.epoch);
    }
  };
  struct Replay {
    bool is_same_boot = true;  // false: every row of the old owner is Ambiguous
    std::unordered_map<Key, Found, KeyHash> found;
  };
  // Reads all segments of `folder`, before open(). Torn tails and anything that is no record end a segment
  // quietly; a file that is no segment is passed over. is_same_boot is false as soon as one segment is of
  // another boot or has no readable header. No folder: nothing found. Errors: Unavailable (cannot be read).
  static Result<Replay> read(const std::string& folder);
  // Removes the segments read() saw, which are those of other owners than `keep`; after recovery was
  // committed. What cannot be removed is read again by the next start, and changes nothing then.
  static void discard(const std::string& folder, store::Owner keep);
};

}  // namespace carillon::pipeline
