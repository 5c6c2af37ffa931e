// Looking at what is stored, by id and by number: deliveries of a notification, one delivery with its
// attempts, roll-ups.
#include "store/detail/lists.h"

#include <algorithm>

#include "store/detail/letters.h"
#include "store/detail/look_up.h"
#include "store/detail/sql_store.h"

namespace carillon::store::detail {
namespace {

constexpr std::size_t kStatsRowsMax = 200'000;  // about 40 MB

constexpr std::int64_t kHourMs = 3'600'000;

model::Attempt read_attempt(const Statement& s, const Words& words, std::int64_t delivery) {
  return model::Attempt{.delivery = delivery,
                        .number = s.as<std::uint16_t>(0),
                        .at = s.time(1),
                        .took_ms = s.as<std::int32_t>(2),
                        .integration = std::string(words.text(s.integer(3))),
                        .outcome = s.string(4),
                        .status = s.as<int>(5),
                        .code = s.string(6),
                        .detail = s.string(7),
                        .provider_id = s.string(8)};
}

}  // namespace

Task<Result<std::vector<model::Delivery>>> SqlStore::deliveries_of(std::int64_t notification, ListPage page) {
  co_return co_await read([this, notification, page](Db& db) -> Result<std::vector<model::Delivery>> {
    std::vector<model::Delivery> rows;
    const std::int64_t limit = rows_of(page);
    CARILLON_TRY(const std::vector<IdRange> ranges, delivery_ranges(db, notification));
    for (const IdRange& range : ranges) {
      Statement s = db.statement("SELECT " CARILLON_DELIVERY_COLUMNS
                                 " FROM delivery WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
      s.bind(1, range.first).bind(2, std::min(range.end, below(page)));
      s.bind(3, limit - static_cast<std::int64_t>(rows.size()));
      for (;;) {
        CARILLON_TRY(const bool has_row, s.next());
        if (!has_row) break;
        rows.push_back(read_delivery(s, words_));
      }
    }
    return rows;
  });
}

Task<Result<DeliveryDetail>> SqlStore::delivery(std::int64_t id) {
  co_return co_await look([&](Db& db) -> Result<DeliveryDetail> {
    Statement s = db.statement("SELECT " CARILLON_DELIVERY_COLUMNS " FROM delivery WHERE id = ?1");
    CARILLON_TRY(const bool has_row, s.bind(1, id).next());
    if (!has_row) return fail(Errc::NotFound, "no such delivery");
    DeliveryDetail detail{.delivery = read_delivery(s, words_), .attempts = {}, .receipts = {}};
    CARILLON_TRY(detail.letter, letter_of(db, id));
    Statement a = db.statement(
        "SELECT number, at, took_ms, integration, outcome, status, code, detail, provider_id FROM attempt "
        "WHERE delivery = ?1 ORDER BY seq");
    a.bind(1, id);
    for (;;) {
      CARILLON_TRY(const bool has_attempt, a.next());
      if (!has_attempt) break;
      detail.attempts.push_back(read_attempt(a, words_, id));
    }
    Statement r = db.statement(
        "SELECT kind, generation, at, last_at, n, integration, code, detail FROM receipt WHERE delivery = ?1 "
        "ORDER BY at, kind");
    r.bind(1, id);
    for (;;) {
      CARILLON_TRY(const bool has_receipt, r.next());
      if (!has_receipt) return detail;
      detail.receipts.push_back(StoredReceipt{.kind = r.as<model::ReceiptKind>(0),
                                              .generation = r.as<std::uint16_t>(1),
                                              .at = r.time(2),
                                              .last_at = r.time(3),
                                              .n = r.integer(4),
                                              .integration = std::string(words_.text(r.integer(5))),
                                              .code = r.string(6),
                                              .detail = r.string(7)});
    }
  });
}

Task<Result<std::vector<StatsRow>>> SqlStore::stats(StatsQuery query) {
  co_return co_await read([this, query](Db& db) -> Result<std::vector<StatsRow>> {
    std::vector<StatsRow> rows;
    Statement s = db.statement(
        "SELECT hour, app, category, template, integration, channel, status, sum(n) FROM stats_hourly "
        "WHERE project = ?1 AND hour >= ?2 AND hour < ?3 "
        "GROUP BY hour, app, category, template, channel, integration, status HAVING sum(n) <> 0 LIMIT ?4");
    s.bind(1, std::int64_t{query.project}).bind(2, to_ms(query.from) / kHourMs);
    s.bind(3, (to_ms(query.until) + kHourMs - 1) / kHourMs);
    s.bind(4, static_cast<std::int64_t>(kStatsRowsMax) + 1);
    for (;;) {
      CARILLON_TRY(const bool has_row, s.next());
      if (!has_row) return rows;
      if (rows.size() == kStatsRowsMax) {
        return fail(Errc::InvalidArgument, "more than 200,000 rows: ask for a shorter time");
      }
      rows.push_back(StatsRow{.hour = from_ms(s.integer(0) * kHourMs),
                              .app = s.integer(1),
                              .category = std::string(words_.text(s.integer(2))),
                              .template_key = std::string(words_.text(s.integer(3))),
                              .integration = std::string(words_.text(s.integer(4))),
                              .channel = s.as<model::Channel>(5),
                              .n = s.integer(7)});
      const auto event = s.as<std::uint8_t>(6);
      if (event < kStatReceipts) {
        rows.back().status = static_cast<model::DeliveryStatus>(event);
      } else {
        rows.back().engagement = static_cast<model::ReceiptKind>(event - kStatReceipts);
      }
    }
  });
}

}  // namespace carillon::store::detail
