#include "pipeline/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/log.h"
#include "pipeline/journal_format.h"

namespace carillon::pipeline {
namespace {

namespace fs = std::filesystem;
using journal_format::Header;

constexpr std::string_view kSuffix = ".journal";
constexpr std::string_view kBootFile = "boot";
constexpr std::size_t kReadMax = 256U << 20;  // bytes of one file; segments are a sixteenth of it
constexpr int kNumberTries = 1000;            // names tried for a new segment

std::string errno_text() { return std::generic_category().message(errno); }

std::unexpected<Error> io_error(std::string_view what, const std::string& path) {
  return fail(Errc::Unavailable,
              fmt::format("the outcome journal cannot {} {}: {}", what, path, errno_text()));
}

Result<std::string> read_file(const std::string& path) {
  const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return io_error("open", path);
  std::string bytes;
  constexpr std::size_t kChunk = 1U << 20;
  while (bytes.size() < kReadMax) {
    const std::size_t had = bytes.size();
    bytes.resize(had + kChunk);
    const ssize_t n = ::read(file.get(), bytes.data() + had, kChunk);
    bytes.resize(had + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("read", path);
    if (n == 0) break;
  }
  return bytes;
}

// True when all was written.
bool write_all(int fd, std::string_view bytes, std::size_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::size_t>(n);
  }
  return true;
}

// Empty when the kernel does not tell: then nothing is ever taken for the same boot.
std::string read_boot_id() {
  const auto text = read_file("/proc/sys/kernel/random/boot_id");
  return text ? text->substr(0, journal_format::kBootIdSize) : std::string{};
}

// The one thing here that must survive a power cut: else a folder whose newest segments never reached the
// disk would look as if nothing had been begun.
Result<void> write_boot_file(const std::string& folder, const std::string& boot_id) {
  const std::string path = folder + "/" + std::string(kBootFile);
  if (!base::write_file(path, boot_id)) return io_error("write", path);
  return {};
}

std::string owner_prefix(store::Owner owner) { return fmt::format("{:06}-{:010}-", owner.node, owner.epoch); }

// In order of their names; empty when there is no folder.
Result<std::vector<std::string>> segment_names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    auto name = it->path().filename().string();
    if (name.ends_with(kSuffix)) names.push_back(std::move(name));
  }
  if (ec && ec != std::errc::no_such_file_or_directory) {
    return fail(Errc::Unavailable,
                fmt::format("the outcome journal cannot list {}: {}", folder, ec.message()));
  }
  std::ranges::sort(names);
  return names;
}

// Which segment holds the start of a claim that is not settled: linear probing, at most half full.
class OpenStarts {
 public:
  void put(Journal::Key key, std::uint64_t segment) {
    if ((count_ + 1) * 2 > slots_.size()) grow();
    std::size_t at = home(key);
    while (slots_[at].segment != 0 && !(slots_[at].key == key)) at = next(at);
    if (slots_[at].segment == 0) ++count_;
    slots_[at] = {key, segment};
  }

  // The segment, which is now forgotten; 0: none.
  std::uint64_t take(Journal::Key key) {
    std::size_t at = home(key);
    while (slots_[at].segment != 0 && !(slots_[at].key == key)) at = next(at);
    const std::uint64_t segment = slots_[at].segment;
    if (segment == 0) return 0;
    --count_;
    // What follows without a gap and belongs before the hole moves into it.
    std::size_t hole = at;
    for (at = next(hole); slots_[at].segment != 0; at = next(at)) {
      const std::size_t wanted = home(slots_[at].key);
      if (((at - wanted) & mask()) < ((at - hole) & mask())) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole].segment = 0;
    return segment;
  }

  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

 private:
  struct Slot {
    Journal::Key key{0, 0};
    std::uint64_t segment = 0;  // 0: free
  };
  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t at) const noexcept { return (at + 1) & mask(); }
  // Ids are sequences: the multiplication spreads them into the high bits.
  [[nodiscard]] std::size_t home(Journal::Key key) const noexcept {
    const auto mixed = (static_cast<std::uint64_t>(key.delivery) ^ key.epoch) * 0x9E3779B97F4A7C15ULL;
    return static_cast<std::size_t>(mixed >> 32U) & mask();
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    count_ = 0;
    for (const Slot& slot : old) {
      if (slot.segment != 0) put(slot.key, slot.segment);
    }
  }

  std::vector<Slot> slots_ = std::vector<Slot>(1024);
  std::size_t count_ = 0;
};

class FileJournal final : public Journal {
 public:
  FileJournal(std::string folder, store::Owner owner, JournalOptions options, std::string boot_id)
      : folder_(std::move(folder)), owner_(owner), options_(options), boot_id_(std::move(boot_id)) {}

  // Nothing is left to replay when all was settled.
  ~FileJournal() override {
    if (!open_.empty() || !outcomes_.empty()) return;
    for (const auto& segment : segments_) ::unlink(segment.path.c_str());
  }

  // Begins another segment; the present one stays in use when that fails.
  Result<void> roll() {
    for (int tries = 0; tries < kNumberTries; ++tries) {
      const std::uint64_t number = ++last_number_;
      auto path = fmt::format("{}/{}{:08}{}", folder_, owner_prefix(owner_), number, kSuffix);
      base::Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (!file && errno == EEXIST) continue;
      if (!file) return io_error("make", path);
      std::string header;
      journal_format::append_header(header, Header{owner_, number, boot_id_});
      if (!write_all(file.get(), header, 0)) {
        auto error = io_error("write", path);
        ::unlink(path.c_str());
        return error;
      }
      file_ = std::move(file);
      offset_ = header.size();
      segments_.push_back({number, std::move(path), 0});
      remove_settled();
      return {};
    }
    return fail(Errc::Unavailable, fmt::format("the outcome journal finds no free name in {}", folder_));
  }

  void start(std::int64_t delivery, std::uint32_t epoch) override {
    journal_format::append_start(starts_, delivery, epoch);
    pending_.push_back({delivery, epoch});
    open_.put({delivery, epoch}, segments_.back().number);
    ++segments_.back().open;
  }

  void outcome(std::int64_t delivery, std::uint32_t epoch, const model::Outcome& outcome) override {
    journal_format::append_outcome(outcomes_, delivery, epoch, outcome);
  }

  Result<void> flush() override {
    if (outcomes_.empty() && starts_.empty()) return {};
    if (is_torn_) CARILLON_CHECK(roll_torn());
    const std::size_t outcome_bytes = outcomes_.size();
    outcomes_ += starts_;
    starts_.clear();
    if (!write_all(file_.get(), outcomes_, offset_)) {
      auto error = io_error("write", segments_.back().path);
      outcomes_.resize(outcome_bytes);
      forget_pending();
      // Half a record would end the segment for readers.
      is_torn_ = ::ftruncate(file_.get(), static_cast<off_t>(offset_)) != 0;
      return error;
    }
    offset_ += outcomes_.size();
    outcomes_.clear();
    pending_.clear();
    if (offset_ < options_.segment_max) return {};
    // A longer segment is no harm: the next flush tries again.
    if (const auto rolled = roll(); !rolled) base::log_warn("{}", rolled.error().message);
    return {};
  }

  void settled(std::int64_t delivery, std::uint32_t epoch) override {
    settle({delivery, epoch});
    remove_settled();
  }

 private:
  struct Segment {
    std::uint64_t number;
    std::string path;
    std::size_t open;  // started in it and not settled
  };

  void settle(Key key) {
    const std::uint64_t number = open_.take(key);
    if (number == 0) return;
    // Few segments are open, and most settle in the newest.
    const auto it = std::find_if(segments_.rbegin(), segments_.rend(),
                                 [number](const Segment& segment) { return segment.number == number; });
    if (it != segments_.rend()) --it->open;
  }

  void forget_pending() {
    for (const Key key : pending_) settle(key);
    pending_.clear();
  }

  Result<void> roll_torn() {
    const auto rolled = roll();
    if (!rolled) {
      starts_.clear();
      forget_pending();
      return rolled;
    }
    is_torn_ = false;
    // Starts that were noted for the torn segment go into this one.
    for (const Key key : pending_) {
      settle(key);
      open_.put(key, segments_.back().number);
      ++segments_.back().open;
    }
    return {};
  }

  // Oldest first only: a segment may hold outcomes of what was started in an older one.
  void remove_settled() {
    while (segments_.size() > 1 && segments_.front().open == 0) {
      ::unlink(segments_.front().path.c_str());
      segments_.pop_front();
    }
  }

  const std::string folder_;
  const store::Owner owner_;
  const JournalOptions options_;
  const std::string boot_id_;
  std::uint64_t last_number_ = 0;
  std::deque<Segment> segments_;  // the last one is written to
  base::Descriptor file_;
  std::size_t offset_ = 0;  // where the next flush goes
  bool is_torn_ = false;    // behind offset_ there is half a flush that could not be cut off
  std::string outcomes_, starts_;
  std::vector<Key> pending_;  // whose starts are in starts_
  OpenStarts open_;
};

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(std::string folder, store::Owner owner,
                                               JournalOptions options) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec)
    return fail(Errc::Unavailable,
                fmt::format("the outcome journal cannot make {}: {}", folder, ec.message()));
  auto boot_id = read_boot_id();
  CARILLON_CHECK(write_boot_file(folder, boot_id));
  auto journal = std::make_unique<FileJournal>(std::move(folder), owner, options, std::move(boot_id));
  CARILLON_CHECK(journal->roll());
  return journal;
}

Result<Journal::Replay> Journal::read(const std::string& folder) {
  Replay replay;
  const auto boot_id = read_boot_id();
  const auto last_boot = read_file(folder + "/" + std::string(kBootFile));
  replay.is_same_boot = !boot_id.empty() && last_boot && *last_boot == boot_id;
  CARILLON_TRY(const auto names, segment_names(folder));
  for (const auto& name : names) {
    CARILLON_TRY(const std::string bytes, read_file(folder + "/" + name));
    const auto header = journal_format::parse_header(bytes);
    // Made and not begun when the process was killed: nothing was in it.
    if (bytes.empty()) continue;
    if (!header || header->boot_id != boot_id) {
      replay.is_same_boot = false;
      continue;
    }
    journal_format::parse_records(bytes, replay);
  }
  return replay;
}

void Journal::discard(const std::string& folder, store::Owner keep) {
  const auto names = segment_names(folder);
  if (!names) return;
  const std::string kept = owner_prefix(keep);
  for (const auto& name : *names) {
    if (!name.starts_with(kept)) ::unlink((folder + "/" + name).c_str());
  }
}

}  // namespace carillon::pipeline
