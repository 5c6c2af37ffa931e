#include "pipeline/alerts.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/log.h"
#include "model/outcome.h"

namespace carillon::pipeline {
namespace {

using model::DeliveryStatus;
using model::OutcomeKind;
using model::Reason;

constexpr std::size_t kLettersAtOnce = 10'000;

// Failures of the account or of what was said. A wrong address is the recipient's, throttling passes by
// itself, and a wrong credential pauses the integration, which has an alert of its own.
bool is_of_ours(std::string_view outcome) {
  static constexpr OutcomeKind kKinds[] = {OutcomeKind::NotSent, OutcomeKind::Temporary,
                                           OutcomeKind::Permanent, OutcomeKind::Ambiguous};
  return std::ranges::any_of(kKinds, [&](OutcomeKind kind) { return model::name(kind) == outcome; });
}

}  // namespace

Alerts::Alerts(const Pipeline::Deps& deps, const AlertOptions& options, AlertNotifier::Send send, Lanes lanes,
               Differences differences)
    : deps_(deps),
      lanes_(std::move(lanes)),
      differences_(std::move(differences)),
      tally_(options.repeat_window),
      book_(options),
      notifier_(deps, options, std::move(send)),
      looks_(deps.metrics.counter("carillon_alert_looks_total", "Looks for what is worth an alert.")) {
  deps.metrics.gauge("carillon_alerts_open", "Alerts that are open.", {},
                     [this] { return static_cast<double>(open_count_.load()); });
}

void Alerts::recorded(const store::RecordItem& item) {
  const model::Delivery& d = item.delivery;
  if (d.is_sandbox) return;
  const Time now = deps_.clock.now();
  if (item.to == DeliveryStatus::Held) {
    if (d.reason == Reason::NoRoute) tally_.no_route(d.project, d.channel(), 1);
    if (d.reason == Reason::ProviderDown)
      tally_.failure(d.project, model::name(d.channel()), model::name(d.reason), "no integration answers",
                     now);
  } else if (item.attempt) {
    const model::Attempt& attempt = *item.attempt;
    if (!is_of_ours(attempt.outcome)) return;
    const std::string_view code = attempt.code.empty() ? attempt.outcome : attempt.code;
    tally_.failure(d.project, attempt.integration, code, attempt.detail, now);
  } else if (item.to == DeliveryStatus::Failed) {
    const std::string& said = item.template_key.empty() ? item.category : item.template_key;
    tally_.failure(d.project, said, model::name(d.reason), model::name(d.reason), now);
  }
}

void Alerts::accepted(std::int32_t project, const std::vector<SendResult>& results) {
  for (const auto& result : results) {
    if (!result || result->warnings.empty()) continue;
    for (const auto& warning : result->warnings) {
      if (warning.is_no_route()) tally_.no_route(project, *warning.channel, 1);
    }
  }
}

void Alerts::tick() {
  if (is_running_ || is_stopping_) return;
  is_running_ = gate_.spawn(deps_.delivery, "look", [this] { return run(); });
}

Task<void> Alerts::run() {
  const auto looked = deps_.store.is_leader() ? co_await look() : co_await report();
  // One line for a store that is away, not one a second.
  if (!looked && !is_failing_) base::log_warn("alerts cannot be kept now: {}", looked.error().message);
  is_failing_ = !looked;
  open_count_ = book_.open_count();
  looks_.add();
  is_running_ = false;
}

Task<Result<void>> Alerts::report() {
  is_loaded_ = false;  // others change what is open until this one leads
  const Time now = deps_.clock.now();
  std::vector<store::AlertReport> reports;
  for (const auto& one : tally_.take_no_route())
    reports.push_back({.project = one.project, .no_route = one.channel, .n = one.n, .at = now});
  for (auto& one : tally_.take_failures(now)) {
    if (one.fresh == 0) continue;
    reports.push_back({.project = one.project,
                       .subject = std::move(one.subject),
                       .code = std::move(one.code),
                       .detail = std::move(one.detail),
                       .n = one.fresh,
                       .at = now});
  }
  if (reports.empty()) co_return Result<void>{};
  const auto kept = reports;
  const auto reported = co_await deps_.store.alerts().report(std::move(reports));
  if (!reported) count(kept);  // for the next time
  co_return reported;
}

void Alerts::count(const std::vector<store::AlertReport>& reports) {
  for (const auto& r : reports) {
    if (r.no_route) tally_.no_route(r.project, *r.no_route, r.n);
    if (!r.no_route) tally_.failure(r.project, r.subject, r.code, r.detail, r.at, r.n);
  }
}

Task<Result<void>> Alerts::take_reports() {
  std::size_t taken = store::kReportsTaken;
  while (taken == store::kReportsTaken) {
    CARILLON_CO_TRY(const auto reports, co_await deps_.store.alerts().take_reports());
    count(reports);
    taken = reports.size();
  }
  co_return Result<void>{};
}

Task<Result<Observed>> Alerts::observe() {
  if (deps_.store.is_shared()) CARILLON_CO_CHECK(co_await take_reports());
  Observed seen;
  seen.now = deps_.clock.now();
  seen.snapshot = deps_.directory.snapshot();
  CARILLON_CO_TRY(seen.counters, co_await deps_.store.counters());
  seen.lanes = lanes_();
  seen.recounted = differences_();
  seen.health = deps_.store.health();
  if (!has_letters_) {
    CARILLON_CO_TRY(auto letters, co_await deps_.store.alerts().new_letters(kLettersAtOnce));
    seen.letters = std::move(letters.tallies);
    letters_seen_ = letters.seen;
    has_letters_ = true;
  }
  if (const auto generation = deps_.store.webhooks().generation(); generation != webhooks_generation_) {
    CARILLON_CO_TRY(switched_off_, co_await deps_.store.webhooks().list(0));
    std::erase_if(switched_off_, [](const auto& stored) { return !stored.webhook.is_switched_off; });
    webhooks_generation_ = generation;
  }
  seen.switched_off = switched_off_;
  seen.no_route = tally_.take_no_route();
  seen.failures = tally_.take_failures(seen.now);
  co_return seen;
}

void Alerts::address(std::vector<store::AlertChange>& changes, const Snapshot& snapshot) const {
  for (auto& change : changes) {
    const auto* const view = snapshot.project(change.key.project);
    if (change.kind != store::AlertChange::Kind::Open || view == nullptr || !view->settings.alerts) continue;
    change.tell = view->settings.alerts->targets();
  }
}

Task<Result<void>> Alerts::look() {
  if (!is_loaded_) {
    CARILLON_CO_TRY(const auto open, co_await deps_.store.alerts().open_ones());
    book_.load(open);
    is_loaded_ = true;
  }
  CARILLON_CO_TRY(const Observed seen, co_await observe());
  auto changes = book_.look(seen);
  if (!changes.empty() || letters_seen_) {
    address(changes, *seen.snapshot);
    const auto made = changes;
    CARILLON_CO_CHECK(co_await deps_.store.alerts().change(std::move(changes), letters_seen_, seen.now));
    book_.done(made, seen.now);
    notifier_.wake();
    for (const auto& change : made) {
      if (change.kind == store::AlertChange::Kind::Open)
        base::log_error("alert: {}: {}", model::alert_title(change.key), change.detail);
      if (change.kind == store::AlertChange::Kind::Resolve)
        base::log_info("alert is over: {}", model::alert_title(change.key));
    }
  }
  has_letters_ = false;
  if (is_stopping_) co_return Result<void>{};
  co_return co_await notifier_.tell();
}

Task<Result<AlertTest>> Alerts::test(std::int32_t project) {
  if (!gate_.enter()) co_return fail(Errc::Cancelled, "this process is stopping");
  struct Leave {
    base::TaskGate& gate;
    ~Leave() { gate.leave(); }
  } leave{gate_};
  auto task = [this, project]() -> Task<AlertTest> { return notifier_.test(project); };
  co_return co_await boost::asio::co_spawn(deps_.delivery, std::move(task), boost::asio::use_awaitable);
}

Task<void> Alerts::close() {
  is_stopping_ = true;
  co_await notifier_.close();
}

void Alerts::wait() {
  gate_.wait(base::Deadline::never());
  notifier_.wait();
}

}  // namespace carillon::pipeline
