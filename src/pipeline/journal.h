// The outcome journal: what was begun and how it ended, written before anything else knows.
//
// It closes the gap between a provider's answer and the commit that records it: a killed process does
// not lose the page cache, so a restart replays it exactly (PIPELINE §4). One write(2) per wake-up, no
// fsync. Segments of 16 MiB under DATA/journal/, each record with a CRC; the header holds the kernel's
// boot id: after a reboot the content proves nothing and every owned row is Ambiguous.
// Delivery thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/error.h"
#include "model/outcome.h"
#include "store/store_types.h"

namespace carillon::pipeline {

class Journal {
 public:
  // Makes the folder when missing and starts a new segment for `owner`. Old segments stay until
  // discard_before(). Errors: Unavailable.
  static Result<std::unique_ptr<Journal>> open(std::string folder, store::Owner owner);
  virtual ~Journal() = default;

  // Buffered until flush(), which must come before the bytes reach a provider (start) and before the
  // outcome is used (outcome).
  virtual void start(std::int64_t delivery, std::uint32_t epoch) = 0;
  virtual void outcome(std::int64_t delivery, std::uint32_t epoch, const model::Outcome& outcome) = 0;
  // One write(2). Errors: Unavailable (disk full): the caller begins nothing new.
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
      return std::hash<std::int64_t>{}(k.delivery * 31 + k.epoch);
    }
  };
  struct Replay {
    bool is_same_boot = true;  // false: every row of the old owner is Ambiguous
    std::unordered_map<Key, Found, KeyHash> found;
  };
  // Reads all segments of `folder` that are not this process's; torn tails end a segment quietly.
  static Result<Replay> read(const std::string& folder);
  // Removes the segments read() saw; after recovery was committed.
  static void discard(const std::string& folder, store::Owner keep);
};

}  // namespace carillon::pipeline
