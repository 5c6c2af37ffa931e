#include "pipeline/revive.h"

#include <algorithm>

#include "base/log.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kChunk = 256;  // deliveries replayed in one transaction
constexpr Millis kLookAgain{60'000};

// Those an integration of this type may carry.
std::vector<model::Queue> queues_of(const providers::ProviderType& type) {
  std::vector<model::Queue> queues;
  for (std::size_t i = 0; i < model::kQueueCount; ++i) {
    const auto queue = static_cast<model::Queue>(i);
    if (model::channel_of(queue) != type.channel) continue;
    const bool reaches = type.channel != model::Channel::Push || type.platforms.empty() ||
                         std::ranges::find(type.platforms, model::platform_of(queue)) != type.platforms.end();
    if (reaches) queues.push_back(queue);
  }
  return queues;
}

}  // namespace

Task<void> Reviver::run() {
  if (is_running_ || is_stopping_) co_return;
  is_running_ = true;
  std::vector<Place> places;
  const Time now = deps_.clock.now();
  integrations_.for_each([&](const Account& account) {
    // The sandbox is never down.
    if (!account.losses.may_exist || account.losses.look_at > now || account.type->is_any_channel) return;
    places.push_back({account.project, account.key});
  });
  for (auto& place : places) {
    if (is_stopping_) break;
    co_await look(std::move(place));
  }
  is_running_ = false;
}

Account* Reviver::find(const Place& place) {
  Account* account = integrations_.find(place.project, place.key);
  const bool may_be_asked =
      account != nullptr && account->unavailable(deps_.clock.now()) == model::Reason::None;
  return may_be_asked && !is_stopping_ ? account : nullptr;
}

Task<void> Reviver::look(Place place) {
  Account* account = find(place);
  if (account == nullptr) co_return;
  const Time again = account->losses.look_at = deps_.clock.now() + kLookAgain;
  const auto queues = queues_of(*account->type);
  const auto found = co_await has_letters(place.project, queues);
  account = find(place);
  if (!found || account == nullptr) co_return;
  if (!*found) {
    account->losses.may_exist = account->losses.look_at != again;  // something was lost meanwhile
    co_return;
  }
  if (!account->losses.has_answered && !co_await is_back(place)) co_return;
  std::size_t count = 0;
  for (const auto queue : queues) {
    const auto replayed = co_await replay(place, queue);
    if (!replayed) {
      base::log_warn("deliveries that an outage ended are replayed later: {}", replayed.error().message);
      co_return;
    }
    count += *replayed;
  }
  // What is left, such as those of a cancelled notification, is for nobody to replay.
  if (account = find(place); account != nullptr) account->losses.may_exist = account->losses.look_at != again;
  if (count > 0)
    base::log_info("'{}' is back: {} deliveries that its outage ended are sent", place.key, count);
}

Task<Result<bool>> Reviver::has_letters(std::int32_t project, std::vector<model::Queue> queues) {
  for (const auto queue : queues) {
    CARILLON_CO_TRY(const auto letters, co_await deps_.store.list_outage_letters(
                                            {.project = project, .queue = queue, .after = 0, .limit = 1}));
    if (!letters.empty()) co_return true;
  }
  co_return false;
}

Task<bool> Reviver::is_back(Place place) {
  const auto report = co_await integrations_.test(place.project, place.key);
  Account* account = find(place);
  if (!report || !report->ok || account == nullptr) co_return false;
  account->losses.has_answered = true;
  account->breaker.record(1, deps_.clock.now());
  co_return true;
}

Task<Result<std::size_t>> Reviver::replay(Place place, model::Queue queue) {
  std::size_t count = 0;
  store::OutageQuery query{.project = place.project, .queue = queue, .after = 0, .limit = kChunk};
  for (bool has_more = true; has_more;) {
    if (find(place) == nullptr) co_return fail(Errc::Unavailable, "the integration may not be asked now");
    CARILLON_CO_TRY(const auto letters, co_await deps_.store.list_outage_letters(query));
    if (letters.empty()) break;
    std::vector<store::ReplayItem> items;
    for (const auto& letter : letters) items.emplace_back().delivery = letter.delivery;
    CARILLON_CO_TRY(const auto results,
                    co_await deps_.store.replay(std::move(items), "system", deps_.clock.now()));
    std::vector<store::Hint> hints;
    for (const auto& result : results) {
      if (result.replayed) hints.push_back({result.delivery, result.lane});
    }
    publish_(hints);
    count += hints.size();
    query.after = letters.back().id;
    has_more = letters.size() == kChunk;
  }
  co_return count;
}

}  // namespace carillon::pipeline
