#include "base/metrics.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <mutex>

#include "base/error.h"

namespace carillon::base {
namespace {

constexpr std::uint32_t kChunkSlots = 512;
constexpr std::uint32_t kMaxChunks = kMaxMetricSlots / kChunkSlots;
constexpr double kSumScale = 1e6;

struct alignas(64) Chunk {
  std::array<std::atomic<std::uint64_t>, kChunkSlots> slots{};
};

// The slots of one thread. Only that thread writes, so an addition is a load and a store; a scrape reads.
class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    for (auto& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
  }

  void add(std::uint32_t slot, std::uint64_t n) {
    auto& place = chunks_[slot / kChunkSlots];
    Chunk* chunk = place.load(std::memory_order_relaxed);
    if (chunk == nullptr) [[unlikely]] {
      chunk = new Chunk;
      place.store(chunk, std::memory_order_release);
    }
    auto& value = chunk->slots[slot % kChunkSlots];
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t get(std::uint32_t slot) const noexcept {
    const Chunk* const chunk = chunks_[slot / kChunkSlots].load(std::memory_order_acquire);
    return chunk == nullptr ? 0 : chunk->slots[slot % kChunkSlots].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<Chunk*>, kMaxChunks> chunks_{};
};

// What threads and the registry share; a thread that ends after its Metrics finds it gone.
struct Shards {
  std::mutex mutex;
  std::vector<std::shared_ptr<Block>> blocks;
  std::vector<std::uint64_t> base;  // of threads that ended

  void fold(const std::shared_ptr<Block>& block) {
    const std::lock_guard lock(mutex);
    for (std::uint32_t i = 0; i < base.size(); ++i) base[i] += block->get(i);
    std::erase(blocks, block);
  }

  [[nodiscard]] std::vector<std::uint64_t> sums() {
    const std::lock_guard lock(mutex);
    std::vector<std::uint64_t> out = base;
    for (const auto& block : blocks) {
      for (std::uint32_t i = 0; i < out.size(); ++i) out[i] += block->get(i);
    }
    return out;
  }
};

// Which block this thread used last: all that add() looks at. Trivial, so that it can be read while the
// thread ends. Registries are told apart by number, as a new one may live at an old one's address.
struct Recent {
  std::uint64_t registry = 0;
  Block* block = nullptr;
  bool is_ended = false;
};
thread_local constinit Recent recent;

// Every block of this thread; hands their sums over when the thread ends.
class ThreadBlocks {
 public:
  ThreadBlocks() = default;
  ThreadBlocks(const ThreadBlocks&) = delete;
  ThreadBlocks& operator=(const ThreadBlocks&) = delete;
  ~ThreadBlocks() {
    recent = {.is_ended = true};
    for (Entry& entry : entries_) {
      if (const auto shards = entry.shards.lock()) shards->fold(entry.block);
    }
  }

  Block* of(std::uint64_t registry, const std::shared_ptr<Shards>& shards) {
    for (const Entry& entry : entries_) {
      if (entry.registry == registry) return entry.block.get();
    }
    std::erase_if(entries_, [](const Entry& entry) { return entry.shards.expired(); });
    auto block = std::make_shared<Block>();
    entries_.push_back({registry, shards, block});
    const std::lock_guard lock(shards->mutex);
    shards->blocks.push_back(block);
    return block.get();
  }

 private:
  struct Entry {
    std::uint64_t registry;
    std::weak_ptr<Shards> shards;
    std::shared_ptr<Block> block;
  };
  std::vector<Entry> entries_;
};

enum class Kind { Counter, Gauge, Histogram };

struct SeriesEntry {
  Labels labels;
  std::uint32_t slot = 0;        // Counter, Histogram
  std::function<double()> read;  // Gauge
};

struct Family {
  std::string name, help;
  Kind kind{};
  std::vector<double> bounds;
  std::vector<SeriesEntry> series;
  std::function<Metrics::Series()> read_all;
};

bool is_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
  };
  return !name.empty() && is_letter(name.front()) && std::all_of(name.begin(), name.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9');
  });
}

std::string_view type_name(Kind kind) noexcept {
  switch (kind) {
    case Kind::Counter: return "counter";
    case Kind::Gauge: return "gauge";
    case Kind::Histogram: return "histogram";
  }
  return "untyped";
}

void append_escaped(std::string& out, std::string_view text, bool is_label) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || (is_label && c == '"')) {
      out += '\\';
      out += c;
    } else {
      out += c;
    }
  }
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

// One line: name{labels,le="…"} value. `le` is left out when empty.
void append_sample(std::string& out, std::string_view name, std::string_view suffix, const Labels& labels,
                   std::string_view le, std::string_view value) {
  out.append(name).append(suffix);
  char separator = '{';
  const auto append_label = [&](std::string_view key, std::string_view text) {
    out += separator;
    out.append(key).append("=\"");
    append_escaped(out, text, true);
    out += '"';
    separator = ',';
  };
  for (const auto& [key, text] : labels) append_label(key, text);
  if (!le.empty()) append_label("le", le);
  if (separator == ',') out += '}';
  out.append(" ").append(value) += '\n';
}

void append_histogram(std::string& out, const Family& family, const SeriesEntry& entry,
                      const std::vector<std::uint64_t>& sums) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i <= family.bounds.size(); ++i) {
    count += sums[entry.slot + i];
    const std::string le = i == family.bounds.size() ? "+Inf" : number_text(family.bounds[i]);
    append_sample(out, family.name, "_bucket", entry.labels, le, std::to_string(count));
  }
  const double sum = static_cast<double>(sums[entry.slot + family.bounds.size() + 1]) / kSumScale;
  append_sample(out, family.name, "_sum", entry.labels, {}, number_text(sum));
  append_sample(out, family.name, "_count", entry.labels, {}, std::to_string(count));
}

void append_family(std::string& out, const Family& family, const std::vector<std::uint64_t>& sums) {
  out.append("# HELP ").append(family.name) += ' ';
  append_escaped(out, family.help, false);
  out.append("\n# TYPE ").append(family.name).append(" ").append(type_name(family.kind)) += '\n';
  for (const SeriesEntry& entry : family.series) {
    switch (family.kind) {
      case Kind::Counter:
        append_sample(out, family.name, {}, entry.labels, {}, std::to_string(sums[entry.slot]));
        break;
      case Kind::Gauge:
        append_sample(out, family.name, {}, entry.labels, {}, number_text(entry.read()));
        break;
      case Kind::Histogram: append_histogram(out, family, entry, sums); break;
    }
  }
  if (!family.read_all) return;
  for (const auto& [labels, value] : family.read_all()) {
    append_sample(out, family.name, {}, labels, {}, number_text(value));
  }
}

Labels checked(Labels labels) {
  std::sort(labels.begin(), labels.end());
  for (const auto& [key, text] : labels) CARILLON_ASSERT(is_name(key) && key != "le");
  return labels;
}

std::uint64_t next_registry() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

struct Metrics::Impl {
  const std::uint64_t registry = next_registry();
  const std::shared_ptr<Shards> shards = std::make_shared<Shards>();
  mutable std::mutex mutex;  // of families; taken before shards->mutex
  std::vector<std::unique_ptr<Family>> families;
  std::uint32_t used_slots = 0;

  Family& family(std::string_view name, std::string_view help, Kind kind) {
    for (const auto& known : families) {
      if (known->name != name) continue;
      CARILLON_ASSERT(known->kind == kind);
      return *known;
    }
    CARILLON_ASSERT(is_name(name));
    families.push_back(std::make_unique<Family>());
    Family& made = *families.back();
    made.name = name;
    made.help = help;
    made.kind = kind;
    return made;
  }

  // The series of those labels, made with `slots` fresh slots when it is new.
  SeriesEntry& series(Family& family, Labels labels, std::uint32_t slots) {
    labels = checked(std::move(labels));
    for (SeriesEntry& known : family.series) {
      if (known.labels == labels) return known;
    }
    CARILLON_ASSERT(used_slots + slots <= kMaxMetricSlots);
    family.series.push_back({std::move(labels), used_slots, nullptr});
    used_slots += slots;
    const std::lock_guard lock(shards->mutex);
    shards->base.resize(used_slots);
    return family.series.back();
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(std::string_view name, std::string_view help, Labels labels) {
  const std::lock_guard lock(impl_->mutex);
  Family& family = impl_->family(name, help, Kind::Counter);
  return {this, impl_->series(family, std::move(labels), 1).slot};
}

Histogram Metrics::histogram(std::string_view name, std::string_view help, std::span<const double> bounds,
                             Labels labels) {
  CARILLON_ASSERT(!bounds.empty() && std::is_sorted(bounds.begin(), bounds.end(), std::less_equal<>()));
  const std::lock_guard lock(impl_->mutex);
  Family& family = impl_->family(name, help, Kind::Histogram);
  if (family.series.empty()) family.bounds.assign(bounds.begin(), bounds.end());
  CARILLON_ASSERT(std::equal(bounds.begin(), bounds.end(), family.bounds.begin(), family.bounds.end()));
  Histogram out;
  out.metrics_ = this;
  out.slot_ = impl_->series(family, std::move(labels), static_cast<std::uint32_t>(bounds.size()) + 2).slot;
  out.bounds_ = &family.bounds;
  return out;
}

void Metrics::gauge(std::string_view name, std::string_view help, Labels labels,
                    std::function<double()> read) {
  const std::lock_guard lock(impl_->mutex);
  Family& family = impl_->family(name, help, Kind::Gauge);
  impl_->series(family, std::move(labels), 0).read = std::move(read);
}

void Metrics::gauges(std::string_view name, std::string_view help, std::function<Series()> read) {
  const std::lock_guard lock(impl_->mutex);
  impl_->family(name, help, Kind::Gauge).read_all = std::move(read);
}

std::string Metrics::text() const {
  const std::lock_guard lock(impl_->mutex);
  const std::vector<std::uint64_t> sums = impl_->shards->sums();
  std::string out;
  for (const auto& family : impl_->families) append_family(out, *family, sums);
  return out;
}

std::uint64_t Metrics::value(std::string_view name, const Labels& labels) const {
  Labels wanted = labels;
  std::sort(wanted.begin(), wanted.end());
  const std::lock_guard lock(impl_->mutex);
  for (const auto& family : impl_->families) {
    if (family->name != name || family->kind != Kind::Counter) continue;
    for (const SeriesEntry& entry : family->series) {
      if (entry.labels == wanted) return impl_->shards->sums()[entry.slot];
    }
  }
  return 0;
}

void Metrics::add(std::uint32_t slot, std::uint64_t n) noexcept {
  if (recent.registry != impl_->registry) [[unlikely]] {
    if (recent.is_ended) {  // from another thread-local's destructor
      const std::lock_guard lock(impl_->shards->mutex);
      impl_->shards->base[slot] += n;
      return;
    }
    thread_local ThreadBlocks blocks;
    recent = {.registry = impl_->registry, .block = blocks.of(impl_->registry, impl_->shards)};
  }
  recent.block->add(slot, n);
}

void Counter::add(std::uint64_t n) const noexcept {
  if (metrics_ != nullptr) metrics_->add(slot_, n);
}

void Histogram::observe(double value, std::uint64_t times) const noexcept {
  constexpr double kMaxSummed = 1e12;  // keeps one infinite value from overflowing the sum
  if (metrics_ == nullptr || !(value >= 0)) return;
  const auto bucket = std::lower_bound(bounds_->begin(), bounds_->end(), value) - bounds_->begin();
  metrics_->add(slot_ + static_cast<std::uint32_t>(bucket), times);
  const auto micros = static_cast<std::uint64_t>(std::llround(std::min(value, kMaxSummed) * kSumScale));
  metrics_->add(slot_ + static_cast<std::uint32_t>(bounds_->size()) + 1, micros * times);
}

std::span<const double> Metrics::latency_buckets_s() {
  static constexpr std::array kBounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                      0.1,    0.25,    0.5,    1.0,   2.5,    5.0,   10.0, 30.0,  60.0};
  return kBounds;
}

std::span<const double> Metrics::size_buckets_bytes() {
  static constexpr std::array kBounds{64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0};
  return kBounds;
}

std::span<const double> Metrics::count_buckets() {
  static constexpr std::array kBounds{1.0,   2.0,   4.0,   8.0,    16.0,   32.0,  64.0,
                                      128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0};
  return kBounds;
}

std::uint64_t process_memory_bytes() {
  unsigned long long total = 0, resident = 0;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "re"),
                                                             &std::fclose);
  if (!file || std::fscanf(file.get(), "%llu %llu", &total, &resident) != 2) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

double process_cpu_seconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace carillon::base
