// The writer's open transaction, as jobs see it: the connection, and what must follow the commit or
// be undone with a rollback.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "store/detail/counters.h"
#include "store/detail/db.h"
#include "store/detail/webhook_outbox.h"
#include "store/detail/words.h"

namespace carillon::store::detail {

class Txn {
 public:
  using Hook = std::move_only_function<void()>;

  Txn(Db& db_in, Words& words_in, Counters& counters_in, WebhookOutbox& outbox_in)
      : db(db_in), words(words_in), outbox(outbox_in), totals_(counters_in) {}

  Db& db;
  Words& words;
  WebhookOutbox& outbox;
  CounterDeltas counters;
  CounterDeltas recounted;  // those of deliveries that the recount under way has passed
  NotificationDeltas notification_counts;
  StatDeltas stats;

  // Runs on the writer thread after COMMIT, before any caller hears of it: write-through of caches.
  void after_commit(Hook hook) { commits_.push_back(std::move(hook)); }
  // Runs when this work is rolled back, newest first: undoing what memory already holds.
  void after_rollback(Hook hook) { rollbacks_.push_back(std::move(hook)); }

  // `n` deliveries like `d` more (or less) in `status`; nullopt: accepted.
  void count(const model::Delivery& d, std::optional<model::DeliveryStatus> status, std::int64_t n) {
    const CounterKey key = counter_key(d.project, d.lane(), d.is_sandbox, status);
    counters[key] += n;
    if (totals_.is_recounted(d.id)) recounted[key] += n;
    if (d.is_counted && status) notification_counts[{d.notification, *status}] += n;
  }
  void count_move(const model::Delivery& d, model::DeliveryStatus from, model::DeliveryStatus to) {
    count(d, from, -1);
    count(d, to, 1);
  }

  // A job, an approval or an alert is changed: who watches them hears of it after the commit.
  void note_news() noexcept { has_news_ = true; }
  std::function<void()> on_news;  // the writer's

  // Waits for what was only handed on to the database, and tells what went wrong with it.
  Result<void> flush();

  // The writer's part.
  Result<void> begin();
  Result<void> commit();
  void rollback();
  // Runs `work` in a savepoint: an error undoes only what it did.
  template <class F>
  Result<void> isolated(F&& work) {
    CARILLON_CHECK(db.exec("SAVEPOINT item"));
    const Mark mark = this->mark();
    Result<void> done = work();
    // What the database says goes before what was made of its answers.
    if (Result<void> written = flush(); !written) done = written;
    if (!done) {
      undo(mark);
      static_cast<void>(db.exec("ROLLBACK TO item; RELEASE item"));
      return done;
    }
    return db.exec("RELEASE item");
  }

 private:
  struct Mark {
    CounterDeltas counters, recounted;
    NotificationDeltas notification_counts;
    StatDeltas stats;
    std::size_t commits = 0, rollbacks = 0;
  };
  [[nodiscard]] Mark mark() const {
    return Mark{counters, recounted, notification_counts, stats, commits_.size(), rollbacks_.size()};
  }
  void undo(const Mark& mark);
  void clear();

  Counters& totals_;
  std::vector<Hook> commits_, rollbacks_;
  bool has_news_ = false;  // of what was undone, too: it costs a look
};

}  // namespace carillon::store::detail
