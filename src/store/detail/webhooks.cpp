// Webhooks, and what became of the events they are told of.
#include "store/webhooks.h"

#include <algorithm>
#include <map>

#include "base/ids.h"
#include "store/detail/audit.h"
#include "store/detail/lists.h"
#include "store/detail/pieces.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kReplayRows = 1'000;    // events looked at in one piece
constexpr std::int64_t kHastenedMax = 10'000;  // tries that a resume brings forward
constexpr std::int64_t kAttemptsShown = 100;

#define CARILLON_WEBHOOK_COLUMNS "id, project, key, version, data, created_at, updated_at, failing_since"

Result<StoredWebhook> read_webhook(const Statement& s) {
  StoredWebhook w;
  w.id = s.integer(0);
  w.project = s.as<std::int32_t>(1);
  w.version = s.integer(3);
  CARILLON_TRY(w.webhook, model::decode_webhook(s.text(4), s.text(2)));
  w.created_at = s.time(5);
  w.updated_at = s.time(6);
  w.failing_since = s.optional_time(7);
  return w;
}

Result<std::optional<StoredWebhook>> load_webhook(Db& db, std::int32_t project, std::string_view key) {
  Statement s =
      db.statement("SELECT " CARILLON_WEBHOOK_COLUMNS " FROM webhook WHERE project = ?1 AND key = ?2");
  CARILLON_TRY(const bool has_row, s.bind(1, std::int64_t{project}).bind(2, key).next());
  if (!has_row) return std::nullopt;
  CARILLON_TRY(StoredWebhook found, read_webhook(s));
  return found;
}

std::int64_t state_of(const model::Webhook& w) {
  return (w.enabled ? kWebhookEnabled : 0) | (w.paused.empty() ? 0 : kWebhookPaused) |
         (w.is_switched_off ? kWebhookSwitchedOff : 0) | (w.has_addresses ? kWebhookAddresses : 0) |
         (w.has_sandbox ? kWebhookSandbox : 0);
}

Result<void> write_webhook(Txn& txn, StoredWebhook& w, const std::string& data) {
  Statement s = txn.db.statement(
      w.id == 0 ? "INSERT INTO webhook(project, key, version, events, state, data, created_at, updated_at, "
                  "failing_since) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                : "UPDATE webhook SET version = ?3, events = ?4, state = ?5, data = ?6, updated_at = ?8, "
                  "failing_since = ?9 WHERE project = ?1 AND key = ?2 AND created_at = ?7");
  s.bind(1, std::int64_t{w.project}).bind(2, w.webhook.key).bind(3, w.version);
  s.bind(4, std::int64_t{w.webhook.events}).bind(5, state_of(w.webhook)).bind(6, data);
  CARILLON_CHECK(s.bind(7, w.created_at).bind(8, w.updated_at).bind(9, w.failing_since).run());
  if (w.id == 0) w.id = txn.db.last_id();
  return {};
}

#define CARILLON_EVENT_COLUMNS \
  "e.id, e.project, e.type, e.at, e.is_sandbox, e.app, e.user_id, e.address, e.data"
#define CARILLON_TOLD_COLUMNS                                                   \
  "d.webhook, d.state, d.tries, d.due_at, d.at, d.took_ms, d.status, d.error, " \
  "d.answer, " CARILLON_EVENT_COLUMNS

WebhookTry read_try(const Statement& s, int from) {
  return WebhookTry{.at = s.time(from),
                    .took_ms = s.integer(from + 1),
                    .status = s.as<int>(from + 2),
                    .error = s.string(from + 3),
                    .answer = s.string(from + 4)};
}

WebhookDelivery read_told(const Statement& s) {
  WebhookDelivery d;
  d.webhook = s.integer(0);
  d.state = s.as<WebhookState>(1);
  d.tries = s.integer(2);
  d.due_at = s.optional_time(3);
  if (!s.is_null(4)) d.last = read_try(s, 4);
  d.event = WebhookEvent{.id = s.integer(9),
                         .project = s.as<std::int32_t>(10),
                         .type = s.as<model::WebhookEvent>(11),
                         .at = s.time(12),
                         .is_sandbox = s.integer(13) != 0,
                         .app = s.integer(14),
                         .user_id = s.string(15),
                         .address = s.string(16),
                         .data = s.string(17)};
  return d;
}

Result<void> read_due(Db& db, const WebhookDueQuery& query, Time now, std::vector<WebhookDelivery>& into) {
  // Those that are busy are the longest due ones mostly: as many rows more find the others.
  const std::size_t rows = query.limit + query.busy.size();
  Statement s = db.statement("SELECT " CARILLON_TOLD_COLUMNS
                             " FROM webhook_delivery d INDEXED BY webhook_delivery_due JOIN webhook_event e "
                             "ON e.id = d.event WHERE d.webhook = ?1 AND d.due_at <= ?2 ORDER BY d.due_at "
                             "LIMIT ?3");
  s.bind(1, query.webhook).bind(2, now).bind(3, static_cast<std::int64_t>(rows));
  for (std::size_t found = 0; found < query.limit;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return {};
    if (std::ranges::find(query.busy, s.integer(9)) != query.busy.end()) continue;
    into.push_back(read_told(s));
    ++found;
  }
  return {};
}

// The event stays where a webhook is or was told of it.
Result<void> forget_streamed(Txn& txn, std::int64_t event) {
  CARILLON_CHECK(txn.db.statement("DELETE FROM webhook_delivery WHERE webhook = ?1 AND event = ?2")
                     .bind(1, kEventStream)
                     .bind(2, event)
                     .run());
  for (const Subscriber& one : txn.outbox.all()) {
    if (one.id == kEventStream) continue;
    Statement s = txn.db.statement("SELECT 1 FROM webhook_delivery WHERE webhook = ?1 AND event = ?2");
    CARILLON_TRY(const bool is_told, s.bind(1, one.id).bind(2, event).next());
    if (is_told) return {};
  }
  return txn.db.statement("DELETE FROM webhook_event WHERE id = ?1").bind(1, event).run();
}

// True: there is such a row, and it says what became of the try.
Result<bool> write_result(Txn& txn, const WebhookResult& r) {
  Statement s = txn.db.statement(
      "UPDATE webhook_delivery SET state = ?3, tries = tries + 1, due_at = ?4, at = ?5, took_ms = ?6, status "
      "= ?7, error = ?8, answer = ?9 WHERE webhook = ?1 AND event = ?2");
  s.bind(1, r.webhook).bind(2, r.event).bind(3, static_cast<std::int64_t>(r.state));
  s.bind(4, r.state == WebhookState::Waiting ? std::optional(r.due_at) : std::nullopt);
  s.bind(5, r.tried.at).bind(6, r.tried.took_ms).bind_or_null(7, std::int64_t{r.tried.status});
  CARILLON_CHECK(s.bind_or_null(8, r.tried.error).bind_or_null(9, r.tried.answer).run());
  return txn.db.changes() == 1;
}

Result<void> write_attempt(Txn& txn, const WebhookResult& r) {
  Statement s = txn.db.statement(
      "INSERT INTO webhook_attempt(webhook, event, seq, at, took_ms, status, error, answer) VALUES(?1, ?2, "
      "(SELECT coalesce(max(seq), 0) + 1 FROM webhook_attempt WHERE webhook = ?1 AND event = ?2), ?3, ?4, "
      "?5, ?6, ?7)");
  s.bind(1, r.webhook).bind(2, r.event).bind(3, r.tried.at).bind(4, r.tried.took_ms);
  s.bind_or_null(5, std::int64_t{r.tried.status}).bind_or_null(6, r.tried.error);
  return s.bind_or_null(7, r.tried.answer).run();
}

// `at`: of the first failure since the last success; nullopt: something was taken.
Result<WebhookHealth> write_health(Txn& txn, std::int64_t webhook, std::optional<Time> at) {
  Statement s = txn.db.statement(
      "UPDATE webhook SET failing_since = CASE WHEN ?2 IS NULL THEN NULL ELSE coalesce(failing_since, ?2) "
      "END WHERE id = ?1 RETURNING failing_since");
  CARILLON_TRY(const bool has_row, s.bind(1, webhook).bind(2, at).next());
  WebhookHealth health{.webhook = webhook};
  if (!has_row) return health;
  health.failing_since = s.optional_time(0);
  CARILLON_CHECK(s.next());  // to its end, which is what writes it
  return health;
}

Result<void> make_due(Txn& txn, std::int64_t webhook, std::int64_t event, Time now) {
  Statement s = txn.db.statement(
      "INSERT INTO webhook_delivery(webhook, event, state, tries, due_at) VALUES(?1, ?2, 0, 0, ?3) ON "
      "CONFLICT(webhook, event) DO UPDATE SET state = 0, tries = 0, due_at = excluded.due_at");
  return s.bind(1, webhook).bind(2, event).bind(3, now).run();
}

bool is_wanted(const WebhookReplay& which, const Statement& s) {
  return s.as<std::int32_t>(1) == which.project &&
         (which.events & model::bit(s.as<model::WebhookEvent>(2))) != 0 &&
         (which.has_sandbox || s.integer(3) == 0);
}

// Ids, and where the next piece begins.
struct Picked {
  std::vector<std::int64_t> events;
  std::int64_t next = 0;
};
Result<Picked> pick_failed(Db& db, const WebhookReplay& which) {
  Picked picked;
  Statement s = db.statement(
      "SELECT event FROM webhook_delivery INDEXED BY webhook_delivery_open WHERE state <> 1 AND webhook = ?1 "
      "AND state = 2 AND event >= ?2 AND event < ?3 ORDER BY event LIMIT ?4");
  s.bind(1, which.webhook).bind(2, which.from).bind(3, which.until).bind(4, kReplayRows);
  CARILLON_TRY(picked.events, first_column(s));
  if (static_cast<std::int64_t>(picked.events.size()) == kReplayRows) picked.next = picked.events.back() + 1;
  return picked;
}
Result<Picked> pick_all(Db& db, const WebhookReplay& which) {
  Picked picked;
  Statement s = db.statement(
      "SELECT id, project, type, is_sandbox FROM webhook_event WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT "
      "?3");
  s.bind(1, which.from).bind(2, which.until).bind(3, kReplayRows);
  std::int64_t examined = 0, last = 0;
  for (;; ++examined) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) break;
    last = s.integer(0);
    if (is_wanted(which, s)) picked.events.push_back(last);
  }
  if (examined == kReplayRows) picked.next = last + 1;
  return picked;
}

}  // namespace

class SqlWebhooks final : public WebhookStore {
 public:
  explicit SqlWebhooks(SqlStore& store) : store_(store) {}

  Task<Result<std::vector<StoredWebhook>>> list(std::int32_t project) override;
  Task<Result<StoredWebhook>> get(std::int32_t project, std::string key) override;
  Task<Result<StoredWebhook>> put(StoredWebhook webhook, std::string action, Actor actor, Time now) override;
  Task<Result<void>> remove(std::int32_t project, std::string key, Actor actor, Time now) override;
  [[nodiscard]] std::uint64_t generation() const noexcept override {
    return store_.subscribers_.generation();
  }
  void stream_events(bool is_on) noexcept override { store_.subscribers_.stream_events(is_on); }

  Task<Result<void>> streamed(std::vector<std::int64_t> events) override {
    const std::size_t rows = events.size() * 2;
    const auto call = [events = std::move(events)](Txn& txn) -> Result<void> {
      for (const std::int64_t event : events) CARILLON_CHECK(forget_streamed(txn, event));
      return {};
    };
    co_return co_await store_.write(call, JobClass::Other, rows);
  }

  void on_events(std::function<void()> wake) override { store_.subscribers_.on_events(std::move(wake)); }
  Task<Result<std::vector<WebhookDelivery>>> due(std::vector<WebhookDueQuery> queries, Time now) override;
  Task<Result<std::vector<WebhookHealth>>> settle(std::vector<WebhookResult> results, Time now) override;
  Task<Result<WebhookDeliveryPage>> deliveries(WebhookDeliveryFilter filter, ListPage page) override;
  Task<Result<WebhookDelivery>> delivery(std::int64_t webhook, std::int64_t event) override;
  Task<Result<std::vector<WebhookTry>>> attempts(std::int64_t webhook, std::int64_t event) override;
  Task<Result<WebhookBacklog>> backlog(std::int64_t webhook) override;
  Task<Result<std::vector<std::int64_t>>> replay(WebhookReplay which, std::vector<std::int64_t> events,
                                                 Time now) override;
  Task<Result<WebhookReplayPiece>> replay_piece(WebhookReplay which, Time now) override;

 private:
  SqlStore& store_;
};

std::unique_ptr<WebhookStore> SqlStore::make_webhooks() { return std::make_unique<SqlWebhooks>(*this); }

Task<Result<std::vector<StoredWebhook>>> SqlWebhooks::list(std::int32_t project) {
  co_return co_await store_.look([project](Db& db) -> Result<std::vector<StoredWebhook>> {
    std::vector<StoredWebhook> found;
    Statement s = db.statement("SELECT " CARILLON_WEBHOOK_COLUMNS
                               " FROM webhook WHERE (?1 = 0 OR project = ?1) ORDER BY project, key");
    s.bind(1, std::int64_t{project});
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return found;
      CARILLON_TRY(StoredWebhook one, read_webhook(s));
      found.push_back(std::move(one));
    }
  });
}

Task<Result<StoredWebhook>> SqlWebhooks::get(std::int32_t project, std::string key) {
  auto found = co_await store_.look([project, &key](Db& db) { return load_webhook(db, project, key); });
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return fail(Errc::NotFound, fmt::format("no webhook \"{}\"", key));
  co_return std::move(**found);
}

Task<Result<StoredWebhook>> SqlWebhooks::put(StoredWebhook webhook, std::string action, Actor actor,
                                             Time now) {
  const auto call = [this, w = std::move(webhook), action = std::move(action), actor = std::move(actor),
                     now](Txn& txn) -> Result<StoredWebhook> {
    CARILLON_TRY(const auto stored, load_webhook(txn.db, w.project, w.webhook.key));
    if ((stored ? stored->version : 0) != w.version)
      return fail(Errc::Conflict, "the webhook was changed by somebody else: read it again");
    if (!stored) {
      Statement s = txn.db.statement("SELECT count(*) FROM webhook WHERE project = ?1");
      CARILLON_CHECK(s.bind(1, std::int64_t{w.project}).next());
      if (s.integer(0) >= static_cast<std::int64_t>(model::kWebhooksMax))
        return fail(Errc::ResourceExhausted,
                    fmt::format("a project has at most {} webhooks", model::kWebhooksMax));
    }
    StoredWebhook next = w;
    next.id = stored ? stored->id : 0;
    next.version = w.version + 1;
    next.created_at = stored ? stored->created_at : now;
    next.updated_at = now;
    const bool is_resumed = stored && !stored->webhook.paused.empty() && next.webhook.paused.empty();
    next.failing_since = stored && !is_resumed ? stored->failing_since : std::nullopt;
    const std::string data = model::encode(next.webhook);
    CARILLON_CHECK(write_webhook(txn, next, data));
    CARILLON_CHECK(note_change(txn, "webhooks"));
    if (is_resumed) {
      Statement s = txn.db.statement(
          "UPDATE webhook_delivery SET due_at = ?2 WHERE (webhook, event) IN (SELECT webhook, event FROM "
          "webhook_delivery INDEXED BY webhook_delivery_due WHERE webhook = ?1 AND due_at > ?2 LIMIT ?3)");
      CARILLON_CHECK(s.bind(1, next.id).bind(2, now).bind(3, kHastenedMax).run());
    }
    const std::string before = stored ? model::encode(stored->webhook) : std::string();
    CARILLON_CHECK(
        SqlStore::insert_audit(txn, AuditEntry{.project = next.project,
                                               .at = now,
                                               .actor = actor,
                                               .action = action,
                                               .object = next.webhook.key,
                                               .detail = audit_detail(next.version, before, data)}));
    const Subscriber subscriber{next.id, next.project, next.webhook.enabled ? next.webhook.events : 0,
                                next.webhook.has_addresses, next.webhook.has_sandbox};
    txn.after_commit([this, subscriber] { store_.subscribers_.put(subscriber); });
    return next;
  };
  co_return co_await store_.write(call, JobClass::Other, 2);
}

Task<Result<void>> SqlWebhooks::remove(std::int32_t project, std::string key, Actor actor, Time now) {
  const auto call = [this, project, key = std::move(key), actor = std::move(actor),
                     now](Txn& txn) -> Result<void> {
    CARILLON_TRY(const auto stored, load_webhook(txn.db, project, key));
    if (!stored) return fail(Errc::NotFound, fmt::format("no webhook \"{}\"", key));
    // What it was told goes with housekeeping.
    CARILLON_CHECK(txn.db.statement("DELETE FROM webhook WHERE id = ?1").bind(1, stored->id).run());
    CARILLON_CHECK(note_change(txn, "webhooks"));
    txn.after_commit([this, id = stored->id] { store_.subscribers_.remove(id); });
    return SqlStore::insert_audit(txn,
                                  AuditEntry{.project = project,
                                             .at = now,
                                             .actor = actor,
                                             .action = "webhook.delete",
                                             .object = key,
                                             .detail = audit_detail(0, model::encode(stored->webhook), {})});
  };
  co_return co_await store_.write(call, JobClass::Other, 2);
}

Task<Result<std::vector<WebhookDelivery>>> SqlWebhooks::due(std::vector<WebhookDueQuery> queries, Time now) {
  const auto call = [queries = std::move(queries), now](Db& db) -> Result<std::vector<WebhookDelivery>> {
    std::vector<WebhookDelivery> found;
    for (const WebhookDueQuery& query : queries) CARILLON_CHECK(read_due(db, query, now, found));
    return found;
  };
  co_return co_await store_.read(call);
}

Task<Result<std::vector<WebhookHealth>>> SqlWebhooks::settle(std::vector<WebhookResult> results, Time) {
  const std::size_t rows = results.size() * 2;
  const auto call = [results = std::move(results)](Txn& txn) -> Result<std::vector<WebhookHealth>> {
    std::map<std::int64_t, std::optional<Time>> failing;  // nullopt: something was taken
    for (const WebhookResult& r : results) {
      CARILLON_TRY(const bool is_there, write_result(txn, r));
      const bool is_taken = r.state == WebhookState::Delivered;
      if (is_there && !is_taken) CARILLON_CHECK(write_attempt(txn, r));
      const auto [it, is_first] =
          failing.try_emplace(r.webhook, is_taken ? std::nullopt : std::optional(r.tried.at));
      if (is_taken) it->second.reset();
    }
    std::vector<WebhookHealth> healths;
    for (const auto& [webhook, at] : failing) {
      CARILLON_TRY(const WebhookHealth health, write_health(txn, webhook, at));
      healths.push_back(health);
    }
    return healths;
  };
  co_return co_await store_.write(call, JobClass::Other, rows);
}

Task<Result<WebhookDeliveryPage>> SqlWebhooks::deliveries(WebhookDeliveryFilter filter, ListPage page) {
  const auto call = [filter, page](Db& db) -> Result<WebhookDeliveryPage> {
    WebhookDeliveryPage found;
    const bool is_indexed = filter.state && *filter.state != WebhookState::Delivered;
    Statement s = db.statement(
        is_indexed ? "SELECT " CARILLON_TOLD_COLUMNS
                     " FROM webhook_delivery d INDEXED BY webhook_delivery_open JOIN webhook_event e ON e.id "
                     "= d.event WHERE d.state <> 1 AND d.webhook = ?1 AND d.state = ?5 AND d.event < ?2 AND "
                     "d.event >= ?3 ORDER BY d.event DESC LIMIT ?4"
                   : "SELECT " CARILLON_TOLD_COLUMNS
                     " FROM webhook_delivery d JOIN webhook_event e ON e.id = d.event WHERE d.webhook = ?1 "
                     "AND d.event < ?2 AND d.event >= ?3 AND (?5 < 0 OR d.state = ?5) ORDER BY d.event DESC "
                     "LIMIT ?4");
    const std::int64_t until = filter.until ? base::id_floor(*filter.until) : INT64_MAX;
    s.bind(1, filter.webhook).bind(2, std::min(until, below(page)));
    s.bind(3, filter.from ? base::id_floor(*filter.from) : 0)
        .bind(4, static_cast<std::int64_t>(kExaminedMax));
    s.bind(5, filter.state ? static_cast<std::int64_t>(*filter.state) : -1);
    const auto limit = static_cast<std::size_t>(rows_of(page));
    std::int64_t last = 0;
    for (std::size_t examined = 0;; ++examined) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) {
        found.next = examined == kExaminedMax ? last : 0;
        return found;
      }
      last = s.integer(9);
      if ((filter.events & model::bit(s.as<model::WebhookEvent>(11))) == 0) continue;
      found.rows.push_back(read_told(s));
      if (found.rows.size() == limit) {
        found.next = last;
        return found;
      }
    }
  };
  co_return co_await store_.read(call);
}

Task<Result<WebhookDelivery>> SqlWebhooks::delivery(std::int64_t webhook, std::int64_t event) {
  co_return co_await store_.look([webhook, event](Db& db) -> Result<WebhookDelivery> {
    Statement s =
        db.statement("SELECT " CARILLON_TOLD_COLUMNS
                     " FROM webhook_delivery d JOIN webhook_event e ON e.id = d.event WHERE d.webhook "
                     "= ?1 AND d.event = ?2");
    CARILLON_TRY(const bool has_row, s.bind(1, webhook).bind(2, event).next());
    if (!has_row) return fail(Errc::NotFound, "no such event");
    return read_told(s);
  });
}

Task<Result<std::vector<WebhookTry>>> SqlWebhooks::attempts(std::int64_t webhook, std::int64_t event) {
  co_return co_await store_.look([webhook, event](Db& db) -> Result<std::vector<WebhookTry>> {
    std::vector<WebhookTry> tries;
    Statement s = db.statement(
        "SELECT at, took_ms, status, error, answer FROM webhook_attempt WHERE webhook = ?1 AND event = ?2 "
        "ORDER BY seq LIMIT ?3");
    s.bind(1, webhook).bind(2, event).bind(3, kAttemptsShown);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return tries;
      tries.push_back(read_try(s, 0));
    }
  });
}

Task<Result<WebhookBacklog>> SqlWebhooks::backlog(std::int64_t webhook) {
  co_return co_await store_.read([webhook](Db& db) -> Result<WebhookBacklog> {
    WebhookBacklog found;
    for (const auto state : {WebhookState::Waiting, WebhookState::Failed}) {
      Statement s = db.statement(
          "SELECT count(*), min(event) FROM (SELECT event FROM webhook_delivery INDEXED BY "
          "webhook_delivery_open WHERE state <> 1 AND webhook = ?1 AND state = ?2 ORDER BY event LIMIT ?3) "
          "AS w");
      s.bind(1, webhook).bind(2, static_cast<std::int64_t>(state)).bind(3, kWebhookCountMax);
      CARILLON_CHECK(s.next());
      (state == WebhookState::Waiting ? found.waiting : found.failed) = s.integer(0);
      if (state == WebhookState::Waiting && !s.is_null(1)) found.oldest = base::id_time(s.integer(1));
    }
    return found;
  });
}

Task<Result<std::vector<std::int64_t>>> SqlWebhooks::replay(WebhookReplay which,
                                                            std::vector<std::int64_t> events, Time now) {
  const std::size_t rows = events.size();
  const auto call = [which, events = std::move(events), now](Txn& txn) -> Result<std::vector<std::int64_t>> {
    std::vector<std::int64_t> replayed;
    for (const std::int64_t event : events) {
      {
        Statement s =
            txn.db.statement("SELECT id, project, type, is_sandbox FROM webhook_event WHERE id = ?1");
        CARILLON_TRY(const bool has_row, s.bind(1, event).next());
        if (!has_row || s.as<std::int32_t>(1) != which.project) continue;
      }
      CARILLON_CHECK(make_due(txn, which.webhook, event, now));
      replayed.push_back(event);
    }
    if (!replayed.empty()) txn.outbox.arm(txn);
    return replayed;
  };
  co_return co_await store_.write(call, JobClass::Other, rows);
}

Task<Result<WebhookReplayPiece>> SqlWebhooks::replay_piece(WebhookReplay which, Time now) {
  const auto call = [which, now](Txn& txn) -> Result<WebhookReplayPiece> {
    CARILLON_TRY(const Picked picked,
                 which.is_failed_only ? pick_failed(txn.db, which) : pick_all(txn.db, which));
    for (const std::int64_t event : picked.events) CARILLON_CHECK(make_due(txn, which.webhook, event, now));
    if (!picked.events.empty()) txn.outbox.arm(txn);
    return WebhookReplayPiece{.replayed = static_cast<std::int64_t>(picked.events.size()),
                              .next = picked.next};
  };
  co_return co_await store_.write(call, JobClass::Other, static_cast<std::size_t>(kReplayRows));
}

}  // namespace carillon::store::detail
