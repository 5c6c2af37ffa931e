#include "sim/truth_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <functional>

#include "base/log.h"

namespace carillon::sim {
namespace {

// Tabs and line ends would forge columns and lines.
void append_column(std::string& out, std::string_view text) {
  out.push_back('\t');
  const std::size_t start = out.size();
  out.append(text);
  for (std::size_t i = start; i < out.size(); ++i) {
    if (static_cast<unsigned char>(out[i]) < 0x20) [[unlikely]]
      out[i] = '?';
  }
}

std::optional<LogEntry> parse_line(std::string_view line) {
  std::array<std::string_view, 7> columns;
  std::size_t count = 0;
  while (count < columns.size()) {
    const std::size_t tab = line.find('\t');
    columns[count++] = line.substr(0, tab);
    if (tab == std::string_view::npos) break;
    line.remove_prefix(tab + 1);
  }
  if (count != columns.size()) return std::nullopt;
  LogEntry entry;
  const auto [end, error] = std::from_chars(columns[0].begin(), columns[0].end(), entry.time_ms);
  if (error != std::errc() || end != columns[0].end()) return std::nullopt;
  entry.vendor = columns[1];
  entry.recipient = columns[2];
  entry.delivery = columns[3];
  entry.collapse = columns[4];
  entry.message_id = columns[5];
  entry.is_answered = columns[6] == "ok";
  return entry;
}

}  // namespace

Result<std::unique_ptr<TruthLog>> TruthLog::open(const std::string& path, bool is_per_message) {
  const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) {
    return fail(Errc::Unavailable,
                fmt::format("cannot open the simulator's log {}: {}", path, std::strerror(errno)));
  }
  return std::unique_ptr<TruthLog>(new TruthLog(path, fd, is_per_message));
}

TruthLog::TruthLog(std::string path, int fd, bool is_per_message)
    : path_(std::move(path)), fd_(fd), is_per_message_(is_per_message) {}

TruthLog::~TruthLog() {
  for (Shard& s : shards_) {
    const std::lock_guard lock(s.mutex);
    write(s);
  }
  ::close(fd_);
}

TruthLog::Shard& TruthLog::shard() noexcept {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t own = next.fetch_add(1) % kShards;
  return shards_[own];
}

void TruthLog::accepted(const Accepted& m) {
  Shard& s = shard();
  const std::lock_guard lock(s.mutex);
  VendorCounts& counts = s.counts[index(m.vendor)];
  ++counts.accepted;
  if (!m.is_answered) ++counts.unanswered;
  if (!is_per_message_) return;
  const fmt::format_int time(to_ms(m.time));
  s.buffer.append(time.data(), time.size());
  s.buffer.push_back('\t');
  s.buffer.append(name(m.vendor));
  append_column(s.buffer, m.recipient);
  append_column(s.buffer, m.delivery);
  append_column(s.buffer, m.collapse);
  append_column(s.buffer, m.message_id);
  s.buffer.append(m.is_answered ? "\tok\n" : "\tunanswered\n");
  auto& kept = s.kept[index(m.vendor)];
  if (!kept) kept = std::make_unique<Kept>();
  LogEntry& entry = kept->entries[kept->count++ % kKept];  // its strings keep their memory
  entry.time_ms = to_ms(m.time);
  entry.recipient.assign(m.recipient);
  entry.delivery.assign(m.delivery);
  entry.collapse.assign(m.collapse);
  entry.message_id.assign(m.message_id);
  entry.content.assign(m.content);
  entry.is_answered = m.is_answered;
  if (s.buffer.size() > kBufferMax) write(s);
}

void TruthLog::refused(Vendor vendor, std::string_view reason) {
  Shard& s = shard();
  const std::lock_guard lock(s.mutex);
  auto& refused = s.counts[index(vendor)].refused;
  const auto it = refused.find(reason);
  if (it == refused.end()) {
    refused.emplace(reason, 1);
  } else {
    ++it->second;
  }
}

void TruthLog::flush() {
  Shard& s = shard();
  const std::lock_guard lock(s.mutex);
  if (!s.buffer.empty()) write(s);
}

void TruthLog::write(Shard& s) {
  std::string_view left = s.buffer;
  while (!left.empty()) {
    const ::ssize_t written = ::write(fd_, left.data(), left.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      base::log_error("cannot write the simulator's log {}: {}", path_, std::strerror(errno));
      break;
    }
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  s.buffer.clear();
}

Counts TruthLog::counts() const {
  Counts sum;
  for (const Shard& s : shards_) {
    const std::lock_guard lock(s.mutex);
    for (std::size_t v = 0; v < sum.size(); ++v) {
      sum[v].accepted += s.counts[v].accepted;
      sum[v].unanswered += s.counts[v].unanswered;
      for (const auto& [reason, n] : s.counts[v].refused) sum[v].refused[reason] += n;
    }
  }
  return sum;
}

Result<TruthLog::Page> TruthLog::page(std::optional<Vendor> vendor, std::uint64_t since, std::size_t limit) {
  for (Shard& s : shards_) {
    const std::lock_guard lock(s.mutex);
    if (!s.buffer.empty()) write(s);
  }
  limit = std::min(limit, kPageMax);
  Page page{.entries = {}, .next = since};
  constexpr std::size_t kChunk = 1 << 20;
  std::string chunk(kChunk, '\0');
  std::size_t scanned = 0;
  while (page.entries.size() < limit && scanned < kPageBytesMax) {
    const ::ssize_t got = ::pread(fd_, chunk.data(), chunk.size(), static_cast<::off_t>(page.next));
    if (got < 0)
      return fail(Errc::Unavailable, fmt::format("cannot read {}: {}", path_, std::strerror(errno)));
    std::string_view text(chunk.data(), static_cast<std::size_t>(got));
    const std::uint64_t before = page.next;
    for (std::size_t end = text.find('\n'); end != std::string_view::npos && page.entries.size() < limit;
         end = text.find('\n')) {
      auto entry = parse_line(text.substr(0, end));
      if (entry && (!vendor || entry->vendor == name(*vendor))) page.entries.push_back(std::move(*entry));
      text.remove_prefix(end + 1);
      page.next += end + 1;
    }
    if (page.next == before) break;  // end of the file
    scanned += page.next - before;
  }
  return page;
}

std::vector<LogEntry> TruthLog::last(Vendor vendor, std::size_t count) const {
  std::vector<LogEntry> all;
  for (const Shard& s : shards_) {
    const std::lock_guard lock(s.mutex);
    const auto& kept = s.kept[index(vendor)];
    if (!kept) continue;
    const std::uint64_t have = std::min<std::uint64_t>(kept->count, kKept);
    for (std::uint64_t i = 1; i <= have; ++i) {
      all.push_back(kept->entries[(kept->count - i) % kKept]);
      all.back().vendor = name(vendor);
    }
  }
  // By time, and within one millisecond in the order they were found: newest of a thread first.
  std::multimap<std::int64_t, LogEntry*, std::greater<>> by_time;
  for (LogEntry& entry : all) by_time.emplace(entry.time_ms, &entry);
  std::vector<LogEntry> newest;
  for (const auto& [time, entry] : by_time) {
    if (newest.size() == count) break;
    newest.push_back(std::move(*entry));
  }
  return newest;
}

Result<void> TruthLog::clear() {
  for (Shard& s : shards_) {
    const std::lock_guard lock(s.mutex);
    s.buffer.clear();
    s.counts = {};
    for (auto& kept : s.kept) kept.reset();
  }
  if (::ftruncate(fd_, 0) != 0) {
    return fail(Errc::Unavailable, fmt::format("cannot empty {}: {}", path_, std::strerror(errno)));
  }
  return {};
}

}  // namespace carillon::sim
