// How notifications and deliveries are shown, wherever they are listed.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "api/call.h"

namespace carillon::api {

using StatusCounts = std::array<std::int64_t, model::kDeliveryStatusCount>;

// Without the closing brace.
void open_notification(base::JsonWriter& out, const Call& call, const model::Notification& n);
void write_delivery(base::JsonWriter& out, const model::Delivery& d);

// What lists of notifications and deliveries are filtered by.
inline constexpr std::string_view kHistoryFilters[] = {
    "event_id", "user_id", "status", "log_status", "category", "channel", "from", "until", "email", "phone"};
// Where such filters are written.
struct FilterTexts {
  std::function<std::optional<std::string_view>(std::string_view name)> find;  // nullopt: it is not there
  std::string_view before = "?";                                               // a name, in a pointer
  bool is_of_deliveries = false;                                               // else of notifications
};
// Reads them, of the caller's project and app. Failures: 422.
[[nodiscard]] std::expected<store::HistoryFilter, Failure> history_filter(const Call& call,
                                                                          const FilterTexts& texts);
// Those of the query, a page at a time.
[[nodiscard]] std::expected<store::HistoryFilter, Failure> history_filter(const Call& call,
                                                                          const Paging& paging);
// A page of notifications under `filter`.
Task<Answer> notification_list(Call& call, const Paging& paging, store::HistoryFilter filter);

// GET of one: with its counts and outcome.
Task<Answer> get_notification(Call& call);
// The notification if the caller may see it. Failures: 404.
Task<std::expected<std::shared_ptr<const model::Notification>, Failure>> visible_notification(
    Call& call, std::int64_t id);
// The same for whoever is to change, stop or send it: a test key does nothing to what goes to real people,
// which its app may look at. Failures: 404 · 403 live_notification.
Task<std::expected<std::shared_ptr<const model::Notification>, Failure>> changeable_notification(
    Call& call, std::int64_t id);

}  // namespace carillon::api
