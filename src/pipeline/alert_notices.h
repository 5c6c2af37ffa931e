// How people are told of alerts: which notices go out as which message, the message itself, and its way out
// by webhook (Standard Webhooks) or by e-mail (a notification of our own).
//
// A message is planned in the Store before it is sent and settled after: a crash in between repeats it under
// the same webhook-id or event id, by which it is known as a repeat.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "net/http_client.h"
#include "pipeline/alert_rules.h"
#include "pipeline/pipeline.h"
#include "store/alerts.h"

namespace carillon::pipeline {

inline constexpr std::size_t kMessagesPerMinute = 10;  // to one target of a project

// How many notices each of the next messages tells, of `waiting` ones, when `lately` messages went out within
// a minute: one each while there is room, else all of them together, else none yet.
[[nodiscard]] std::vector<std::size_t> fold_notices(std::size_t waiting, std::size_t lately);

// Where a message that could not be told yet is tried again; nullopt: given up. `tries`: so far.
[[nodiscard]] std::optional<Time> next_try(Time made_at, std::int64_t tries, Time now);

// The notices of one message, oldest first; never empty.
using Message = std::span<const store::WaitingNotice>;
// {"type","timestamp","data"}: of one notice the alert, of several a summary.
[[nodiscard]] std::string webhook_body(Message message, const std::string& project, Time now);
struct MailText {
  std::string subject, body;
};
[[nodiscard]] MailText mail_text(Message message, const std::string& project);

// Delivery thread only.
class AlertNotifier {
 public:
  using Send = std::function<Task<std::vector<SendResult>>(Caller, std::vector<SendItem>)>;
  AlertNotifier(const Pipeline::Deps& deps, const AlertOptions& options, Send send);

  // Sends what waits. Returns at once: each project is attended to by itself, one message of a target after
  // the other, so that a webhook that hangs holds up nobody else. Errors: the Store's.
  Task<Result<void>> tell();
  // There may be something to tell.
  void wake() noexcept { may_wait_ = true; }
  // Sends a test message to every target now; waits for the answers, 15 s at most.
  Task<AlertTest> test(std::int32_t project);
  // Cuts off calls under way: they are made again after the next start, under the same id.
  Task<void> close();
  // Blocks the calling thread (not the delivery thread) until nothing is under way.
  void wait() { gate_.wait(base::Deadline::never()); }

 private:
  struct Target {
    std::int32_t project = 0;
    model::AlertTarget target = model::AlertTarget::Webhook;
    friend auto operator<=>(const Target&, const Target&) = default;
  };
  struct Work {
    std::vector<store::WaitingNotice> waiting;
    std::size_t lately = 0;
  };
  // What a try came to; an empty error: told.
  struct Try {
    std::string error;
    bool is_final = false;  // it makes no sense to try again
  };
  Task<void> attend(Target target, Work work);
  Task<Result<void>> attend_target(Target target, Work& work);
  // False: it is not told yet, and what follows it waits too.
  Task<Result<bool>> send_message(Target target, Message message);
  store::NoticeResult result_of(Target target, const store::AlertNotice& first, const Try& tried);
  Task<Try> try_once(Target target, Message message);
  Task<Try> post(std::int32_t project, const model::AlertSettings& settings, std::string id,
                 std::string body);
  Task<Try> mail(std::int32_t project, const model::AlertSettings& settings, std::string event_id,
                 MailText text);

  const Pipeline::Deps& deps_;
  const AlertOptions& options_;
  const Send send_;
  std::unique_ptr<net::HttpClient> client_;
  std::set<Target> busy_;
  // Of messages that were tried while the Store could not be told: they must not go out again meanwhile.
  std::map<std::int64_t, store::NoticeResult> unsettled_;
  bool may_wait_ = true;  // the Store may hold notices that wait
  bool is_closed_ = false;
  bool is_failing_ = false;  // the Store was away at the last try
  base::Counter told_, failed_;
  base::TaskGate gate_{"alert_notices"};
};

}  // namespace carillon::pipeline
