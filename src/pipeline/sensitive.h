// What is sensitive in a send is kept sealed apart from it, opened to check and to render, and wiped when the
// send is final (decision 0015).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "pipeline/route.h"

namespace carillon::pipeline {

[[nodiscard]] inline bool is_sealed(std::string_view text) noexcept { return text.starts_with("v1:"); }
// What authenticates a sealed value: where it belongs.
[[nodiscard]] std::string sealed_context(std::int64_t id);  // of a notification or a delivery
[[nodiscard]] std::string sandbox_context(std::int64_t message);
[[nodiscard]] std::string event_context(const base::Hash128& letter);

// Leaves what is not sensitive in body and request of a notification that has its id, and marks it. The rest,
// sealed; empty: nothing of it is.
[[nodiscard]] std::expected<std::string, Refusal> seal_sensitive(const Plan& plan, const base::KeyRing& keys,
                                                                 model::Notification& notification);

// A request as it was received.
struct Opened {
  std::string body;
  std::shared_ptr<const model::SendRequest> request;
};
// Of a notification that is_sensitive; null: it is wiped. Errors: the store's · Corruption,
// FailedPrecondition (Sealer::open()).
Task<Result<std::shared_ptr<const Opened>>> open_sensitive(store::Store& store, const base::KeyRing& keys,
                                                           std::int64_t notification);
// The same of any: those that are not sensitive are as they are.
Task<Result<std::shared_ptr<const Opened>>> opened(store::Store& store, const base::KeyRing& keys,
                                                   std::shared_ptr<const model::Notification> notification);

// The event of a dead letter. Errors: Corruption, FailedPrecondition (Sealer::open()).
[[nodiscard]] Result<std::string> open_event(const base::KeyRing& keys, const store::EventLetter& letter);
// What says which event it was, and no more: what is left of one. Empty: it cannot be read.
[[nodiscard]] std::string event_rest(std::string_view event);

// Replays as Store::replay(), what is sensitive in their parameters sealed. One that was wiped and whose
// parameters do not bring all of it anew is not replayed: sensitive_wiped.
Task<Result<std::vector<store::ReplayResult>>> replay_sealed(store::Store& store, Directory& directory,
                                                             const base::KeyRing& keys,
                                                             std::vector<store::ReplayItem> items,
                                                             store::Actor actor, Time now);

// Under which a user is found who is named by what has no deliveries.
[[nodiscard]] std::int64_t user_key(const base::KeyRing& keys, std::int32_t project,
                                    std::string_view user_id);
// The users that entries of `to` name, by their id or a device.
[[nodiscard]] std::vector<store::Naming> namings(const base::KeyRing& keys, std::int32_t project,
                                                 const model::SendRequest& request, const People& people);

}  // namespace carillon::pipeline
