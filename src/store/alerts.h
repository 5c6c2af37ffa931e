// The Store's part that keeps alerts, and the notices by which people are told of them.
//
// Common errors, executors and `now`: as for the Store (store.h), of which this is a part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "model/alert.h"
#include "model/channel.h"
#include "store/store_views.h"

namespace carillon::store {

struct AlertChange {
  enum class Kind : std::uint8_t { Open, Repeat, Resolve };
  Kind kind = Kind::Open;
  model::AlertKey key;
  std::string detail;      // empty: as it was
  std::int64_t times = 0;  // adds to the count
  // Open: who is to be told of it. A resolution is told to those who were to be told of the opening.
  std::vector<model::AlertTarget> tell;
};
struct AlertFilter {
  std::int32_t project = 0;
  std::optional<model::AlertKind> kind{};
  std::optional<bool> is_open{};
};

// Dead letters that no alert has counted yet, of the deliveries of one queue or the events of one rule; those
// of the sandbox, of test keys and of unknown outcomes are left out.
struct LetterTally {
  std::int32_t project = 0;
  model::Queue queue = model::Queue::None;
  std::int64_t n = 0;
  std::string reason, error;    // of the last one
  std::string rule{}, topic{};  // of events; of records. Both empty: they are of deliveries
};
struct NewLetters {
  std::vector<LetterTally> tallies;
  std::optional<std::int64_t> seen;  // for change(); none: there is nothing new
  bool has_more = false;
};

enum class NoticeState : std::uint8_t { Waiting = 0, Told = 1, GaveUp = 2 };  // the numbers are stored
struct AlertNotice {
  std::int64_t id = 0, alert = 0;
  std::int32_t project = 0;
  model::AlertTarget target = model::AlertTarget::Webhook;
  model::AlertEvent event = model::AlertEvent::Opened;
  NoticeState state = NoticeState::Waiting;
  std::int64_t tries = 0;
  Time made_at{}, due_at{};
  std::int64_t message = 0;  // which message tells it; 0: not decided yet
  std::optional<Time> ended_at;
  std::string error;
};
struct WaitingNotice {
  AlertNotice notice;
  model::Alert alert;
};
// How many messages were planned lately for one target.
struct MessageCount {
  std::int32_t project = 0;
  model::AlertTarget target = model::AlertTarget::Webhook;
  std::int64_t n = 0;
};
struct NoticeBoard {
  std::vector<WaitingNotice> waiting;  // of a target by id
  std::vector<MessageCount> lately;
};
// What became of a message: of all notices that went out as it.
struct NoticeResult {
  std::int64_t message = 0;
  NoticeState state = NoticeState::Waiting;
  Time due_at{};      // Waiting: when it is tried again
  std::string error;  // of the last try; empty: none
};

inline constexpr std::size_t kOpenAlertsMax = 10'000;
inline constexpr std::size_t kWaitingNoticesMax = 1'000;  // looked at together, of one target

inline constexpr std::size_t kReportsTaken = 2'000;

// Something that went wrong `n` times in one process.
struct AlertReport {
  std::int32_t project = 0;
  std::optional<model::Channel> no_route{};  // nothing carries it; nullopt: a failure
  std::string subject{}, code{}, detail{};   // of a failure
  std::int64_t n = 0;
  Time at{};
};

class AlertStore {
 public:
  virtual ~AlertStore() = default;

  // Of all projects, at most kOpenAlertsMax.
  virtual Task<Result<std::vector<model::Alert>>> open_ones() = 0;
  // One transaction. Opening what is open repeats it; repeating or resolving what is not open does nothing.
  // `letters_seen`: of the new_letters() that the changes come from; none: of none.
  virtual Task<Result<void>> change(std::vector<AlertChange> changes,
                                    std::optional<std::int64_t> letters_seen, Time now) = 0;
  // What was added to the dead letters since the last letters_seen; looks at no more than `limit`, 1 to
  // 10,000.
  virtual Task<Result<NewLetters>> new_letters(std::size_t limit) = 0;

  // Newest first.
  virtual Task<Result<std::vector<model::Alert>>> list(AlertFilter filter, ListPage page) = 0;
  // Errors: NotFound.
  virtual Task<Result<model::Alert>> get(std::int32_t project, std::int64_t id) = 0;
  virtual Task<Result<std::vector<AlertNotice>>> notices_of(std::int64_t alert) = 0;
  // Somebody looks into it: who and when stay those of the first, audited. Errors: NotFound.
  virtual Task<Result<model::Alert>> acknowledge(std::int32_t project, std::int64_t id, Actor actor,
                                                 Time now) = 0;

  // Notices that wait, of each target those that were planned and then the oldest, at most
  // kWaitingNoticesMax; and how many messages were planned after `since`.
  virtual Task<Result<NoticeBoard>> board(Time since) = 0;
  // Each group of ids goes out as one message, named by its first id. Called before it is sent, so that a
  // repeat of it is known as one.
  virtual Task<Result<void>> plan(std::vector<std::vector<std::int64_t>> messages, Time now) = 0;
  virtual Task<Result<void>> settle(std::vector<NoticeResult> results, Time now) = 0;

  // Of a store that is shared: what this process counted, for the one that looks; and what all others left so
  // far, gone from the store with it, at most kReportsTaken.
  virtual Task<Result<void>> report(std::vector<AlertReport> reports) = 0;
  virtual Task<Result<std::vector<AlertReport>>> take_reports() = 0;
};

}  // namespace carillon::store
