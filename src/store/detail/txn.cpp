#include "store/detail/txn.h"

#include "base/failpoint.h"
#include "store/detail/pieces.h"

namespace carillon::store::detail {

Result<void> Txn::begin() {
  clear();
  outbox.begin();
  return db.begin();
}

Result<void> Txn::flush() {
  CARILLON_CHECK(words.failure());
  return db.flush();
}

Result<void> Txn::commit() {
  CARILLON_CHECK(tell_completed(*this));
  CARILLON_CHECK(words.failure());
  CARILLON_CHECK(words.write(db));
  CARILLON_CHECK(totals_.write(db, counters));
  CARILLON_CHECK(totals_.write_of_notifications(db, notification_counts));
  CARILLON_CHECK(totals_.write_stats(db, stats));
  if (has_news_) CARILLON_CHECK(note_change(*this, "news"));
  CARILLON_FAILPOINT("store.before_commit");
  CARILLON_CHECK(db.commit());
  CARILLON_FAILPOINT("store.after_commit");
  words.settle(true);
  totals_.apply(counters);
  totals_.apply_recounted(recounted);
  for (Hook& hook : commits_) hook();
  if (has_news_ && on_news) on_news();
  clear();
  return {};
}

void Txn::rollback() {
  db.rollback();
  words.settle(false);
  undo(Mark{});
}

void Txn::undo(const Mark& mark) {
  while (rollbacks_.size() > mark.rollbacks) {
    rollbacks_.back()();
    rollbacks_.pop_back();
  }
  commits_.erase(commits_.begin() + static_cast<std::ptrdiff_t>(mark.commits), commits_.end());
  counters = mark.counters;
  recounted = mark.recounted;
  notification_counts = mark.notification_counts;
  stats = mark.stats;
}

void Txn::clear() {
  counters.clear();
  recounted.clear();
  notification_counts.clear();
  stats.clear();
  outbox.forget();
  commits_.clear();
  rollbacks_.clear();
  has_news_ = false;
}

}  // namespace carillon::store::detail
