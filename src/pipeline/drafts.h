// Sends that have not begun: drafts, what waits for an approval, what waits for its time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "pipeline/pipeline.h"
#include "pipeline/route.h"

namespace carillon::pipeline {

// The version of a template that a request names; null: it names none, or there is none. To be asked only of
// requests that name one: most do not, and need no coroutine.
inline bool names_version(const model::SendRequest& request) {
  return request.template_version != 0 && !request.template_key.empty();
}
Task<std::shared_ptr<const model::Template>> named_version(Directory& directory, std::int32_t project,
                                                           const model::SendRequest& request);
// The plan of a send of that caller, with what its category and the installation forbid. `named`: of
// named_version(). Refusals: make_plan()'s and refuse_by_policy()'s · 404 unknown_project · 422
// template_archived. The plan points into the snapshot, which has to stay.
[[nodiscard]] std::expected<Plan, Refusal> plan_send(const Snapshot& snapshot, const Options& options,
                                                     const Caller& caller, const model::SendRequest& request,
                                                     std::shared_ptr<const model::Template> named, Time now);
// The same with the version asked for, where no coroutine more or less matters.
Task<std::expected<Plan, Refusal>> plan_send(Directory& directory, const Snapshot& snapshot,
                                             const Options& options, const Caller& caller,
                                             const model::SendRequest& request, Time now);

// Recipients at most: each group by the number of its members, every other entry as one.
[[nodiscard]] std::int64_t audience_of(const model::SendRequest& request, const People& people);

// Whether a send to so many has to wait for somebody's word, by itself.
[[nodiscard]] bool needs_approval(const Plan& plan, std::int64_t audience) noexcept;
// What one that does not takes of its app's and category's hour, which may not be left: the store decides.
// nullopt: nothing is counted there. What waits is not sent, and not counted.
[[nodiscard]] std::optional<store::ApprovalShare> share_of(const Plan& plan, std::int64_t audience) noexcept;

// `lasts`: until it expires, and the send with it.
[[nodiscard]] store::Approval open_approval(base::IdGenerator& ids, const model::Notification& notification,
                                            std::int64_t audience, const Caller& caller, Millis lasts,
                                            Time now);

// Any executor; what it does is one transaction of the Store.
class Drafts {
 public:
  // `options` outlives it. `expand`: something may be due for expansion.
  Drafts(const Pipeline::Deps& deps, const Options& options, std::function<void()> expand)
      : deps_(deps), options_(options), expand_(std::move(expand)) {}

  // See Pipeline.
  Task<SendResult> submit(Caller caller, std::shared_ptr<const model::Notification> notification);
  Task<SendResult> edit(Caller caller, std::shared_ptr<const model::Notification> notification,
                        SendItem item);
  Task<std::expected<store::Approval, Refusal>> decide(store::ApprovalDecision decision);

 private:
  // A send as it would be accepted now. The plan points into the snapshot. `objects_since`: when it named its
  // objects, which it keeps since.
  struct Considered {
    Plan plan;
    std::vector<store::AudienceGroup> groups;
    std::vector<store::Naming> named;
    std::int64_t audience = 0;
  };
  Task<std::expected<Considered, Refusal>> consider(const Snapshot& snapshot, Caller caller,
                                                    const model::SendRequest& request, Time objects_since,
                                                    Time now);
  // How it is stored; `waits`: for an approval.
  store::Rewrite make_rewrite(const Caller& caller, const Considered& considered, model::Notification changed,
                              bool stays_draft, bool waits, Time now);
  Task<SendResult> rewrite(Caller caller, const model::Notification& before, model::Notification changed,
                           bool stays_draft, std::string action);

  const Pipeline::Deps& deps_;
  const Options& options_;
  std::function<void()> expand_;
};

}  // namespace carillon::pipeline
