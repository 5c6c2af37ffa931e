// The ground truth: everything a simulated vendor accepted, one line per message.
//
// Line: time in ms since the epoch, vendor, recipient, Carillon's delivery id, collapse id, the vendor's
// message id, "ok" or "unanswered"; separated by tabs, control characters replaced by '?'. A message is
// "unanswered" when it was accepted and the vendor means never to answer. One marked "ok" may still go
// unanswered: when its connection is reset by another message's fault before its answer has left.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "sim/vendor.h"

namespace carillon::sim {

// One accepted message; the views need to be valid during the call only.
struct Accepted {
  Time time;
  Vendor vendor{};
  std::string_view recipient;
  std::string_view delivery;  // empty: none found in the message
  std::string_view collapse;
  std::string_view message_id;
  std::string_view content;  // as received; kept for the last kKept messages of a vendor only
  bool is_answered = true;
};

// One line read back.
struct LogEntry {
  std::int64_t time_ms = 0;
  std::string vendor, recipient, delivery, collapse, message_id, content;
  bool is_answered = true;
};

struct VendorCounts {
  std::uint64_t accepted = 0;
  std::uint64_t unanswered = 0;                               // part of accepted
  std::map<std::string, std::uint64_t, std::less<>> refused;  // by the vendor's own reason
};
using Counts = std::array<VendorCounts, kVendors.size()>;

// Thread-safe. Every thread gathers lines in a buffer of its own; flush() writes them with one call.
// Senders of answers flush first, so an answer a client has seen is always in the file.
class TruthLog {
 public:
  static constexpr std::size_t kKept = 64;          // messages with content, per vendor and thread
  static constexpr std::size_t kPageMax = 100'000;  // entries
  static constexpr std::size_t kPageBytesMax = 64 << 20;

  // Appends to `path`. With `is_per_message` false only the counters move. Errors: Unavailable.
  static Result<std::unique_ptr<TruthLog>> open(const std::string& path, bool is_per_message);
  ~TruthLog();
  TruthLog(const TruthLog&) = delete;
  TruthLog& operator=(const TruthLog&) = delete;

  void accepted(const Accepted& message);
  void refused(Vendor vendor, std::string_view reason);
  // Writes what this thread has gathered.
  void flush();

  [[nodiscard]] Counts counts() const;
  struct Page {
    std::vector<LogEntry> entries;
    std::uint64_t next = 0;  // hand in as `since` to go on
  };
  // Up to `limit` entries from byte `since` of the file on, of one vendor or of all.
  // Errors: Unavailable (the file cannot be read).
  [[nodiscard]] Result<Page> page(std::optional<Vendor> vendor, std::uint64_t since, std::size_t limit);
  // The latest messages with their content, newest first.
  [[nodiscard]] std::vector<LogEntry> last(Vendor vendor, std::size_t count) const;
  // Empties file, counters and kept messages.
  Result<void> clear();
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  struct Kept {
    std::array<LogEntry, kKept> entries;
    std::uint64_t count = 0;
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::string buffer;
    Counts counts;
    std::array<std::unique_ptr<Kept>, kVendors.size()> kept;
  };
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kBufferMax = 1 << 20;  // bytes; written early beyond that

  TruthLog(std::string path, int fd, bool is_per_message);
  Shard& shard() noexcept;
  void write(Shard& shard);

  const std::string path_;
  const int fd_;
  const bool is_per_message_;
  std::array<Shard, kShards> shards_;
};

}  // namespace carillon::sim
