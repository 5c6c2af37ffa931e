// Many rows of the hot tables as one statement.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/notification.h"
#include "store/detail/insert.h"
#include "store/detail/postgres/connection.h"
#include "store/detail/txn.h"
#include "store/store_types.h"

namespace carillon::store::detail {

class PgNotificationRows {
 public:
  void add(Txn& txn, const AcceptItem& item, Time now);
  Result<void> insert(Txn& txn);

 private:
  PgArray ids_, projects_, apps_, statuses_, priorities_, flags_, categories_, templates_, versions_,
      accepted_, expires_, send_at_, first_, count_, cursors_;
  PgArray event_ids_{PgArray::Of::Text}, bodies_{PgArray::Of::Text};
};

// Which users a notification has (schema, step 0021).
class PgUserRows {
 public:
  // One user's deliveries of one notification come one after the other, mostly: they are one row.
  void add(const model::Delivery& delivery);
  Result<void> insert(PgDb& db);

 private:
  PgArray projects_, notifications_, users_{PgArray::Of::Text};
  std::int64_t last_notification_ = 0;
  std::string last_user_;
};

class PgDeliveryRows {
 public:
  // Counts it too. With an owner, one that is due is stored as claimed by it.
  void add(Txn& txn, const model::Delivery& delivery, const Origin& origin, Time now,
           std::optional<Owner> owner);
  Result<void> insert(Txn& txn);

 private:
  PgArray ids_, notifications_, projects_, lanes_, statuses_, reasons_, flags_, epochs_, due_, finished_,
      expires_, to_index_, generations_, integrations_, owners_;
  PgArray users_{PgArray::Of::Text}, devices_{PgArray::Of::Text}, provider_ids_{PgArray::Of::Text},
      notes_{PgArray::Of::Text};
  PgUserRows history_;
  std::vector<std::pair<model::Delivery, Time>> told_;  // final ones, when a webhook may want them
};

}  // namespace carillon::store::detail
