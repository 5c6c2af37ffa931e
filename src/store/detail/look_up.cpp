#include "store/detail/look_up.h"

#include <algorithm>

#include "base/ids.h"

namespace carillon::store::detail {
namespace {

constexpr std::int64_t kPortion = 1'000;
// The statuses of index delivery_trouble.
constexpr std::int64_t kTrouble = 1 << static_cast<int>(model::DeliveryStatus::Held) |
                                  1 << static_cast<int>(model::DeliveryStatus::Failed) |
                                  1 << static_cast<int>(model::DeliveryStatus::Dead) |
                                  1 << static_cast<int>(model::DeliveryStatus::Unknown);

constexpr std::int64_t bit(auto value) noexcept { return std::int64_t{1} << static_cast<int>(value); }

std::int64_t queues_of(model::Channel channel) {
  std::int64_t queues = 0;
  for (int q = 0; q <= static_cast<int>(model::Queue::PushAny); ++q) {
    if (model::channel_of(static_cast<model::Queue>(q)) == channel) queues |= bit(q);
  }
  return queues;
}

// A full portion may be followed by more.
Candidates portion(std::vector<std::int64_t> ids) {
  Candidates c{.ids = std::move(ids)};
  c.examined = c.ids.size();
  if (static_cast<std::int64_t>(c.ids.size()) == kPortion) c.complete_to = c.ids.back();
  return c;
}

}  // namespace

Result<std::vector<IdRange>> delivery_ranges(Db& db, std::int64_t notification) {
  std::vector<IdRange> ranges;
  Statement s = db.statement(
      "SELECT first_delivery, delivery_count FROM notification WHERE id = ?1 AND first_delivery > 0 "
      "UNION ALL SELECT first, n FROM chunk WHERE notification = ?1 ORDER BY 1 DESC");
  s.bind(1, notification);
  for (;;) {
    CARILLON_TRY(const bool has_row, s.next());
    if (!has_row) return ranges;
    ranges.push_back(IdRange{s.integer(0), s.integer(0) + s.integer(1)});
  }
}

LookUp::LookUp(const HistoryFilter& filter, const Index& index, const Words& words)
    : filter_(filter), index_(index) {
  if (filter.from) low_ = base::id_floor(*filter.from);
  if (filter.until) high_ = base::id_floor(*filter.until);
  if (!filter.category.empty()) {
    category_ = words.find(filter.category);
    is_void_ = category_ == 0;
  }
  if (filter.channel) queues_ = queues_of(*filter.channel);
  for (const model::DeliveryStatus status : filter.statuses) statuses_ |= bit(status);
  limit_ = std::clamp<std::size_t>(filter.limit, 1, kPageMax);
}

Result<Candidates> LookUp::keyed(Db& db, std::int64_t before, std::size_t budget) const {
  return index_.find(db, filter_, before, budget);
}

Result<Candidates> LookUp::notifications(Db& db, std::int64_t before) const {
  Statement s =
      db.statement("SELECT id FROM notification WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
  s.bind(1, low_).bind(2, before).bind(3, kPortion);
  CARILLON_TRY(std::vector<std::int64_t> ids, first_column(s));
  return portion(std::move(ids));
}

Result<Candidates> LookUp::deliveries(Db& db, std::int64_t before) const {
  if (statuses_ == 0 || (statuses_ & ~kTrouble) != 0) {
    Statement s =
        db.statement("SELECT id FROM delivery WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
    s.bind(1, low_).bind(2, before).bind(3, kPortion);
    CARILLON_TRY(std::vector<std::int64_t> ids, first_column(s));
    return portion(std::move(ids));
  }
  Candidates c;
  for (int status = 0; status < static_cast<int>(model::kDeliveryStatusCount); ++status) {
    if ((statuses_ & bit(status)) == 0) continue;
    // The partial index is taken only where its condition is spelled out.
    Statement s = db.statement(
        "SELECT id FROM delivery INDEXED BY delivery_trouble WHERE (status = 1 OR status BETWEEN 6 AND 8) "
        "AND status = ?4 AND id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
    s.bind(1, low_).bind(2, before).bind(3, kPortion).bind(4, std::int64_t{status});
    CARILLON_TRY(std::vector<std::int64_t> ids, first_column(s));
    const Candidates some = portion(std::move(ids));
    c.ids.insert(c.ids.end(), some.ids.begin(), some.ids.end());
    c.complete_to = std::max(c.complete_to, some.complete_to);
  }
  std::ranges::sort(c.ids, std::greater{});
  std::erase_if(c.ids, [&](std::int64_t id) { return id < c.complete_to; });
  c.examined = c.ids.size();
  return c;
}

bool LookUp::matches(const Statement& s, int project, int app, int category, int event_id) const {
  return s.as<std::int32_t>(project) == filter_.project &&
         (filter_.app == 0 || s.integer(app) == filter_.app) &&
         (category_ == 0 || s.integer(category) == category_) &&
         (filter_.event_id.empty() || s.text(event_id) == filter_.event_id);
}

bool LookUp::matches(const model::Delivery& d) const {
  // By address: only the raw ones of the notifications found, not the users beside them.
  const bool by_address = filter_.address_key != 0 && filter_.user_id.empty();
  return d.project == filter_.project && (filter_.user_id.empty() || d.user_id == filter_.user_id) &&
         (!by_address || d.user_id.empty()) && (queues_ == 0 || (queues_ & bit(d.queue)) != 0) &&
         (statuses_ == 0 || (statuses_ & bit(d.status)) != 0);
}

Result<bool> LookUp::has_delivery(Db& db, std::int64_t notification, std::size_t& examined) const {
  const bool is_found_by_user = !filter_.user_id.empty() && filter_.event_id.empty();
  if (queues_ == 0 && statuses_ == 0 && (filter_.user_id.empty() || is_found_by_user)) return true;
  CARILLON_TRY(const std::vector<IdRange> ranges, delivery_ranges(db, notification));
  for (const IdRange& range : ranges) {
    Statement s = db.statement(
        "SELECT 1 FROM delivery WHERE id >= ?1 AND id < ?2 AND (?3 = '' OR user_id = ?3) "
        "AND (?4 = 0 OR ?4 & (1 << (lane / 4)) <> 0) AND (?5 = 0 OR ?5 & (1 << status) <> 0) LIMIT 1");
    s.bind(1, range.first).bind(2, range.end).bind(3, filter_.user_id).bind(4, queues_).bind(5, statuses_);
    CARILLON_TRY(const bool has_one, s.next());
    if (has_one) return true;
    examined += static_cast<std::size_t>(range.end - range.first);
    if (examined >= kExaminedMax) return false;
  }
  return false;
}

}  // namespace carillon::store::detail
