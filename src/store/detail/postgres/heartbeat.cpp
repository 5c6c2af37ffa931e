#include "store/detail/postgres/heartbeat.h"

#include <pthread.h>
#include <time.h>

#include <utility>

#include "base/log.h"

namespace carillon::store::detail {
namespace {

constexpr int kRenewalsPerLease = 6, kBeatsPerLeaderLease = 5;

// Goes on while the machine sleeps: a lease does not wait for it.
std::int64_t boot_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return std::int64_t{t.tv_sec} * 1'000 + t.tv_nsec / 1'000'000;
}

}  // namespace

Heartbeat::Heartbeat(Options options) : options_(std::move(options)) {}

Heartbeat::~Heartbeat() { release(); }

void Heartbeat::hold(Owner owner) {
  confirmed_ms_.store(boot_ms());
  const std::lock_guard lock(mutex_);
  owner_ = owner;
  renewed_ms_ = boot_ms();
  if (!thread_.joinable()) thread_ = std::thread([this] { loop(); });
}

bool Heartbeat::is_held() const noexcept {
  return boot_ms() - confirmed_ms_.load() < options_.lease.count() / 2;
}

bool Heartbeat::is_leader() const noexcept {
  return boot_ms() - led_ms_.load() < options_.leader_lease.count() / 2;
}

// Whether the statement that ran last changed a row, once its answer is there.
Result<bool> Heartbeat::changed_one() {
  const std::int64_t n = db_->changes();
  CARILLON_CHECK(db_->flush());
  return n == 1;
}

Result<bool> Heartbeat::renew(Owner owner, bool is_last) {
  Statement s =
      db_->statement("UPDATE process SET renewed_at = CASE WHEN ?3 = 1 THEN 0 ELSE " CARILLON_SERVER_NOW
                     " END WHERE node = ?1 AND epoch = ?2");
  s.bind(1, std::int64_t{owner.node}).bind(2, std::int64_t{owner.epoch}).bind(3, std::int64_t{is_last});
  CARILLON_CHECK(s.run());
  return changed_one();
}

Result<bool> Heartbeat::lead(Owner owner, bool is_last) {
  if (is_last) {
    Statement s = db_->statement("UPDATE leader SET renewed_at = 0 WHERE node = ?1 AND epoch = ?2");
    CARILLON_CHECK(s.bind(1, std::int64_t{owner.node}).bind(2, std::int64_t{owner.epoch}).run());
    CARILLON_CHECK(changed_one());
    return false;
  }
  Statement s =
      db_->statement("UPDATE leader SET node = ?1, epoch = ?2, renewed_at = " CARILLON_SERVER_NOW
                     " WHERE (node = ?1 AND epoch = ?2) OR renewed_at < " CARILLON_SERVER_NOW " - ?3");
  s.bind(1, std::int64_t{owner.node}).bind(2, std::int64_t{owner.epoch});
  CARILLON_CHECK(s.bind(3, options_.leader_lease.count()).run());
  return changed_one();
}

Result<void> Heartbeat::look() {
  std::int64_t webhooks = 0;
  Statement s =
      db_->statement("SELECT key, value FROM meta WHERE key IN ('records', 'schedules', 'webhooks', 'news')");
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) break;
    const auto value = s.integer(1);
    if (s.text(0) == "records") records_.store(static_cast<std::uint64_t>(value));
    if (s.text(0) == "schedules") schedules_.store(static_cast<std::uint64_t>(value));
    if (s.text(0) == "news") news_.store(static_cast<std::uint64_t>(value));
    if (s.text(0) != "webhooks") continue;
    webhooks = value;
  }
  s.reset();
  // The first look may be later than what was read at the start.
  if (webhooks != webhooks_) CARILLON_CHECK(options_.webhooks_changed(*db_));
  webhooks_ = webhooks;
  return {};
}

void Heartbeat::beat(Owner owner, std::int64_t asked) {
  const auto all = [&]() -> Result<void> {
    if (!db_) { CARILLON_TRY(db_, PgDb::open(options_.connection)); }
    if (asked - renewed_ms_ >= options_.lease.count() / kRenewalsPerLease) {
      CARILLON_TRY(const bool is_renewed, renew(owner, false));
      renewed_ms_ = asked;
      if (!is_renewed && is_held()) {
        base::log_error("store: another process took over as node {}; this one takes no work any more",
                        owner.node);
      }
      confirmed_ms_.store(is_renewed ? asked : asked - options_.lease.count());
    }
    if (options_.may_lead) {
      const bool was_leader = is_leader();
      CARILLON_TRY(const bool leads, lead(owner, false));
      led_ms_.store(leads ? asked : INT64_MIN / 2);
      if (leads && !was_leader) base::log_info("store: node {} leads from now on", owner.node);
    }
    CARILLON_CHECK(look());
    return db_->flush();
  };
  const Result<void> done = all();
  if (!done) db_.reset();
  if (!done && !is_failing_)
    base::log_warn("store: the leases of node {} are not renewed: {}", owner.node, done.error().message);
  is_failing_ = !done;
}

void Heartbeat::loop() {
  ::pthread_setname_np(::pthread_self(), "store-beat");
  std::unique_lock lock(mutex_);
  while (!is_closing_) {
    const Owner owner = *owner_;
    lock.unlock();
    beat(owner, boot_ms());
    lock.lock();
    wake_.wait_for(lock, options_.leader_lease / kBeatsPerLeaderLease, [this] { return is_closing_; });
  }
}

void Heartbeat::release() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
    wake_.notify_one();
  }
  if (!thread_.joinable()) return;
  thread_.join();
  led_ms_.store(INT64_MIN / 2);
  if (!db_) return;
  static_cast<void>(lead(*owner_, true));
  static_cast<void>(renew(*owner_, true));
}

}  // namespace carillon::store::detail
