#include "store/detail/postgres/rows.h"

#include "store/detail/postgres/copy.h"
#include "store/detail/rows.h"

namespace carillon::store::detail {
namespace {

// From so many rows on, the two round trips that COPY takes are paid for.
constexpr std::size_t kCopyRows = 100;

#define CARILLON_NOTIFICATION_LIST                                                               \
  "notification(id, project, app, status, priority, flags, category, template, "                 \
  "template_version, accepted_at, expires_at, send_at, first_delivery, delivery_count, cursor, " \
  "event_id, body)"
#define CARILLON_DELIVERY_LIST                                                                    \
  "delivery(id, notification, project, lane, status, reason, flags, epoch, due_at, finished_at, " \
  "expires_at, to_index, generation, integration, owner, user_id, device_id, provider_id, note, " \
  "attempts)"
#define CARILLON_COPY_FROM " FROM STDIN (FORMAT binary)"

// `insert` has the columns' values as ?1, ?2, …, `copy` all columns in their order.
Result<void> insert_with(Txn& txn, const char* insert, const char* copy,
                         std::initializer_list<PgColumn> columns) {
  auto& db = static_cast<PgDb&>(txn.db);
  if (columns.begin()->values->size() >= kCopyRows) {
    CARILLON_TRY(const std::string rows, binary_rows(columns));
    return db.copy_in(copy, rows);
  }
  PgStatement& s = db.with_arrays(insert);
  int i = 1;
  for (const PgColumn& column : columns) {
    if (column.values != nullptr) s.bind_array(i++, *column.values);
  }
  return s.run();
}

}  // namespace

void PgNotificationRows::add(Txn& txn, const AcceptItem& item, Time now) {
  const model::Notification& n = item.notification;
  const bool has_chunks = is_chunked(n.status);
  ids_.add(n.id);
  projects_.add(std::int64_t{n.project});
  apps_.add(n.app);
  statuses_.add(static_cast<std::int64_t>(n.status));
  priorities_.add(static_cast<std::int64_t>(n.priority));
  flags_.add(flags_of(n));
  categories_.add_or_null(std::int64_t{txn.words.id(n.category)});
  templates_.add_or_null(std::int64_t{txn.words.id(n.template_key)});
  versions_.add_or_null(std::int64_t{n.template_version});
  accepted_.add(to_ms(n.accepted_at == Time{} ? now : n.accepted_at));
  expires_.add(n.expires_at);
  send_at_.add(n.send_at);
  // Counted here, not believed: completion is derived from this range.
  first_.add_or_null(has_chunks || item.deliveries.empty() ? 0 : item.deliveries.front().id);
  count_.add_or_null(has_chunks ? 0 : static_cast<std::int64_t>(item.deliveries.size()));
  has_chunks ? cursors_.add(std::int64_t{0}) : cursors_.add_null();
  event_ids_.add_or_null(std::string_view(n.event_id));
  bodies_.add(std::string_view(n.body));
}

Result<void> PgNotificationRows::insert(Txn& txn) {
  if (ids_.size() == 0) return {};
  return insert_with(
      txn,
      "INSERT INTO " CARILLON_NOTIFICATION_LIST
      " SELECT * FROM unnest(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
      "COPY " CARILLON_NOTIFICATION_LIST CARILLON_COPY_FROM,
      {{&ids_},
       {&projects_, 4},
       {&apps_},
       {&statuses_, 2},
       {&priorities_, 2},
       {&flags_, 2},
       {&categories_, 4},
       {&templates_, 4},
       {&versions_, 4},
       {&accepted_},
       {&expires_},
       {&send_at_},
       {&first_},
       {&count_, 4},
       {&cursors_},
       {&event_ids_},
       {&bodies_}});
}

void PgUserRows::add(const model::Delivery& d) {
  if (d.user_id.empty() || (d.notification == last_notification_ && d.user_id == last_user_)) return;
  projects_.add(std::int64_t{d.project});
  users_.add(std::string_view(d.user_id));
  notifications_.add(d.notification);
  last_notification_ = d.notification;
  last_user_ = d.user_id;
}

Result<void> PgUserRows::insert(PgDb& db) {
  if (users_.size() == 0) return {};
  PgStatement& s = db.with_arrays(
      "INSERT INTO history_user(project, user_id, notification) SELECT * FROM unnest(?1, ?2, ?3)");
  s.bind_array(1, projects_);
  s.bind_array(2, users_);
  s.bind_array(3, notifications_);
  return s.run();
}

void PgDeliveryRows::add(Txn& txn, const model::Delivery& d, const Origin& origin, Time now,
                         std::optional<Owner> owner) {
  const bool is_taken = owner && is_due(d, now);
  const auto status = is_taken ? model::DeliveryStatus::Processing : d.status;
  const bool is_final = model::is_final(d.status);
  ids_.add(d.id);
  notifications_.add(d.notification);
  projects_.add(std::int64_t{d.project});
  lanes_.add(static_cast<std::int64_t>(d.lane().index()));
  statuses_.add(static_cast<std::int64_t>(status));
  reasons_.add(static_cast<std::int64_t>(d.reason));
  flags_.add(flags_of(d));
  epochs_.add(std::int64_t{is_taken ? 1 : 0});
  // A pending one without a time is due now; only held ones may wait for a condition.
  const bool needs_due =
      d.status == model::DeliveryStatus::Pending || d.status == model::DeliveryStatus::Retrying;
  due_.add(is_final || is_taken ? std::nullopt
           : needs_due          ? std::optional(d.due_at.value_or(now))
                                : d.due_at);
  finished_.add(is_final ? std::optional(d.finished_at.value_or(now)) : std::nullopt);
  expires_.add(d.expires_at);
  to_index_.add_or_null(std::int64_t{d.to_index});
  generations_.add_or_null(std::int64_t{d.generation});
  integrations_.add_or_null(std::int64_t{txn.words.id(d.integration)});
  owners_.add_or_null(is_taken ? pack(*owner) : 0);
  users_.add_or_null(std::string_view(d.user_id));
  devices_.add_or_null(std::string_view(d.device_id));
  provider_ids_.add_or_null(std::string_view(d.provider_id));
  notes_.add_or_null(std::string_view(d.note));
  history_.add(d);
  txn.count(d, std::nullopt, 1);
  txn.count(d, status, 1);
  roll_up(txn, d, origin, model::DeliveryStatus::Pending, now);
  if (!is_final) return;
  roll_up(txn, d, origin, d.status, now);
  if (!d.is_counted) txn.outbox.finished(d.notification, now);
  if (txn.outbox.is_any()) told_.push_back({d, now});
}

Result<void> PgDeliveryRows::insert(Txn& txn) {
  if (ids_.size() == 0) return {};
  CARILLON_CHECK(insert_with(
      txn,
      "INSERT INTO " CARILLON_DELIVERY_LIST
      " SELECT i.*, 0 FROM unnest(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
      "?17, ?18, ?19) AS i",
      "COPY " CARILLON_DELIVERY_LIST CARILLON_COPY_FROM,
      {{&ids_},
       {&notifications_},
       {&projects_, 4},
       {&lanes_, 2},
       {&statuses_, 2},
       {&reasons_, 2},
       {&flags_, 2},
       {&epochs_},
       {&due_},
       {&finished_},
       {&expires_},
       {&to_index_, 4},
       {&generations_, 4},
       {&integrations_, 4},
       {&owners_},
       {&users_},
       {&devices_},
       {&provider_ids_},
       {&notes_},
       {nullptr, 4}}));
  CARILLON_CHECK(history_.insert(static_cast<PgDb&>(txn.db)));
  // What is told of one says what its notification has, which is there by now.
  for (const auto& [delivery, at] : told_) CARILLON_CHECK(tell_status(txn, delivery, at));
  return {};
}

}  // namespace carillon::store::detail
