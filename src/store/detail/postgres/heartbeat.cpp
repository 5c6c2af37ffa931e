#include "store/detail/postgres/heartbeat.h"

#include <fmt/format.h>
#include <pthread.h>

#include <cstdlib>
#include <utility>

#include "base/log.h"

namespace carillon::store::detail {
namespace {

using base::boot_ms;  // goes on while the machine sleeps: a lease does not wait for it

constexpr int kRenewalsPerLease = 6, kBeatsPerLeaderLease = 5;
constexpr std::int64_t kClockErrorMaxMs = 5'000;

}  // namespace

std::string clock_trouble(std::int64_t ahead_ms) {
  if (std::abs(ahead_ms) <= kClockErrorMaxMs) return {};
  return fmt::format("this machine's clock is {} s {} PostgreSQL's, which counts; set it right",
                     std::abs(ahead_ms) / 1'000, ahead_ms > 0 ? "ahead of" : "behind");
}

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

// An outage that ended before this could not let a lease run out that was renewed until it began.
std::int64_t Heartbeat::outage_min_ms() const noexcept { return options_.lease.count() * 2 / 3; }

bool Heartbeat::may_take_over() const noexcept {
  const std::int64_t now = boot_ms();
  return now - answered_ms_.load() < outage_min_ms() && now - well_since_ms_.load() >= options_.lease.count();
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
  std::int64_t webhooks = 0, server_ms = 0;
  Statement s = db_->statement(
      "SELECT key, value FROM meta WHERE key IN ('records', 'schedules', 'webhooks', 'news') UNION ALL "
      "SELECT 'now', " CARILLON_SERVER_NOW);
  const std::int64_t asked = boot_ms();
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) break;
    const auto value = s.integer(1);
    if (s.text(0) == "records") records_.store(static_cast<std::uint64_t>(value));
    if (s.text(0) == "schedules") schedules_.store(static_cast<std::uint64_t>(value));
    if (s.text(0) == "news") news_.store(static_cast<std::uint64_t>(value));
    if (s.text(0) == "webhooks") webhooks = value;
    if (s.text(0) == "now") server_ms = value;
  }
  s.reset();
  note_server_time(asked, boot_ms(), server_ms);
  // The first look may be later than what was read at the start.
  if (webhooks != webhooks_) CARILLON_CHECK(options_.webhooks_changed(*db_));
  webhooks_ = webhooks;
  return {};
}

// Two renewals that the server carried out are at most as far apart as their confirmations say.
void Heartbeat::confirm(std::int64_t asked) {
  if (boot_ms() - confirmed_ms_.load() >= options_.lease.count()) lapses_.fetch_add(1);
  confirmed_ms_.store(asked);
}

// Others are judged by the server's clock. When it jumps, or nobody could reach it for a while, all of them
// look gone at first.
void Heartbeat::note_server_time(std::int64_t asked, std::int64_t answered, std::int64_t server_ms) {
  const std::int64_t middle = asked + (answered - asked) / 2, error = (answered - asked) / 2 + 1;
  const std::int64_t offset = server_ms - middle;
  const bool was_late = answered - answered_ms_.load() >= outage_min_ms();
  const bool has_jumped = std::abs(offset - server_offset_ms_) >= outage_min_ms();
  if (was_late || has_jumped) well_since_ms_.store(answered);
  answered_ms_.store(answered);
  server_offset_ms_ = offset;
  if (options_.clock == nullptr) return;
  options_.clock->follow(server_ms, middle, error);
  const std::string trouble = clock_trouble(options_.clock->machine_is_ahead_ms());
  if (!trouble.empty() && !is_clock_wrong_) base::log_warn("store: {}; until then it is not ready", trouble);
  if (trouble.empty() && is_clock_wrong_) base::log_info("store: this machine's clock is right again");
  is_clock_wrong_ = !trouble.empty();
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
      is_renewed ? confirm(asked) : confirmed_ms_.store(asked - options_.lease.count());
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
  const std::lock_guard lock(mutex_);
  trouble_ = done ? std::string() : done.error().message;
}

std::string Heartbeat::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
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
