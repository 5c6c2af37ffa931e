#include "api/history.h"

#include <cstring>

#include "api/router.h"
#include "model/address.h"
#include "pipeline/route.h"

namespace carillon::api {
namespace {

using model::DeliveryStatus;

// One filter; empty: not asked for.
struct Text {
  std::string_view value;
  std::string pointer;
  [[nodiscard]] bool is_given() const noexcept { return !value.empty(); }
};
Text text_of(const FilterTexts& texts, std::string_view name) {
  return {texts.find(name).value_or(std::string_view()), fmt::format("{}{}", texts.before, name)};
}

template <class Parse>
Failure bad_choice(const Text& text, std::size_t count, Parse word) {
  std::string names;
  for (std::size_t i = 0; i < count; ++i) names.append(i == 0 ? "" : ", ").append(word(i));
  return failed_at(text.pointer, "invalid_choice", "use one of: " + names).error();
}

void add_log_status(model::LogStatus wanted, store::HistoryFilter& filter) {
  for (std::size_t i = 0; i < model::kDeliveryStatusCount; ++i) {
    const auto status = static_cast<DeliveryStatus>(i);
    if (model::log_status(status) == wanted) filter.statuses.push_back(status);
  }
}

std::optional<Failure> read_statuses(const FilterTexts& texts, store::HistoryFilter& filter) {
  if (const Text text = text_of(texts, "status"); text.is_given()) {
    if (const auto delivery = model::parse_delivery_status(text.value)) filter.statuses.push_back(*delivery);
    if (!texts.is_of_deliveries) filter.notification_status = model::parse_notification_status(text.value);
    // "cancelled" is a word of both: on notifications it means theirs.
    if (filter.notification_status) filter.statuses.clear();
    if (!filter.notification_status && filter.statuses.empty()) {
      const std::size_t own = texts.is_of_deliveries ? 0 : model::kNotificationStatusCount;
      return bad_choice(text, own + model::kDeliveryStatusCount, [own](std::size_t i) {
        return i < own ? model::name(static_cast<model::NotificationStatus>(i))
                       : model::name(static_cast<DeliveryStatus>(i - own));
      });
    }
  }
  if (const Text text = text_of(texts, "log_status"); text.is_given()) {
    const auto wanted = model::parse_log_status(text.value);
    if (!wanted || *wanted == model::LogStatus::None) {
      return bad_choice(text, 4,
                        [](std::size_t i) { return model::name(static_cast<model::LogStatus>(i + 1)); });
    }
    add_log_status(*wanted, filter);
  }
  return std::nullopt;
}

// A raw address is looked up by its hash; nothing else of it is kept anywhere.
std::optional<Failure> read_address(const Call& call, const FilterTexts& texts,
                                    store::HistoryFilter& filter) {
  std::optional<std::pair<model::Channel, std::string>> wanted;
  if (const Text email = text_of(texts, "email"); email.is_given()) {
    const auto address = model::normalize_email(email.value);
    if (!address) return failed_at(email.pointer, "invalid_email", address.error().message).error();
    wanted.emplace(model::Channel::Email, *address);
  }
  if (const Text phone = text_of(texts, "phone"); phone.is_given()) {
    const auto address = model::normalize_phone(phone.value);
    if (!address) return failed_at(phone.pointer, "invalid_phone", address.error().message).error();
    wanted.emplace(filter.channel.value_or(model::Channel::Sms), *address);
  }
  if (!wanted) return std::nullopt;
  const auto hash = pipeline::address_key(call.deps.keys.address_hash, wanted->first, wanted->second);
  std::memcpy(&filter.address_key, hash.data(), sizeof filter.address_key);
  filter.address_key &= INT64_MAX;
  return std::nullopt;
}

}  // namespace

std::expected<store::HistoryFilter, Failure> history_filter(const Call& call, const FilterTexts& texts) {
  store::HistoryFilter filter;
  filter.project = call.who.project;
  filter.app = call.who.app_id();
  const auto pointer = [&texts](std::string_view name) { return fmt::format("{}{}", texts.before, name); };
  if (const auto from = texts.find("from")) { CARILLON_TRY(filter.from, read_time(*from, pointer("from"))); }
  if (const auto until = texts.find("until")) {
    CARILLON_TRY(filter.until, read_time(*until, pointer("until")));
  }
  if (const auto channel = texts.find("channel")) {
    CARILLON_TRY(filter.channel, read_channel(*channel, pointer("channel")));
  }
  filter.event_id = text_of(texts, "event_id").value;
  filter.user_id = text_of(texts, "user_id").value;
  filter.category = text_of(texts, "category").value;
  if (auto failure = read_statuses(texts, filter)) return std::unexpected(std::move(*failure));
  if (auto failure = read_address(call, texts, filter)) return std::unexpected(std::move(*failure));
  return filter;
}

std::expected<store::HistoryFilter, Failure> history_filter(const Call& call, const Paging& paging) {
  FilterTexts texts;
  texts.find = [&call](std::string_view name) {
    return call.has_param(name) ? std::optional(call.param(name)) : std::nullopt;
  };
  texts.is_of_deliveries = call.route->tag == "Deliveries";
  CARILLON_TRY(store::HistoryFilter filter, history_filter(call, texts));
  filter.after = paging.after.id;
  filter.limit = paging.limit;
  return filter;
}

void open_notification(base::JsonWriter& out, const Call& call, const model::Notification& n) {
  out.object();
  write_id(out, "id", base::kNotificationPrefix, n.id);
  out.field_or_null("event_id", n.event_id);
  out.field("status", model::name(n.status)).field("priority", model::name(n.priority));
  out.field_or_null("category", n.category);
  out.key("template");
  if (n.template_key.empty()) {
    out.null();
  } else {
    out.object().field("key", n.template_key).field("version", n.template_version).end_object();
  }
  write_app_name(out, call, n.app);
  out.field("sandbox", n.is_sandbox).field("deliveries_total", static_cast<std::int64_t>(n.delivery_count));
  out.field("accepted_at", to_rfc3339(n.accepted_at));
  out.field_or_null("send_at", n.send_at);
  out.field_or_null("expires_at", n.expires_at);
  const bool has_request = n.request != nullptr;
  out.key("metadata").raw(has_request && !n.request->metadata.empty() ? n.request->metadata : "{}");
  out.key("tags").raw(has_request && !n.request->tags.empty() ? n.request->tags : "[]");
}

void write_delivery(base::JsonWriter& out, const model::Delivery& d) {
  out.object();
  write_id(out, "id", base::kDeliveryPrefix, d.id);
  write_id(out, "notification_id", base::kNotificationPrefix, d.notification);
  out.field("channel", model::name(d.channel()));
  const auto platform = model::platform_of(d.queue);
  if (platform != model::Platform::None) out.field("platform", model::name(platform));
  out.field_or_null("user_id", d.user_id);
  out.field_or_null("device_id", d.device_id);
  out.field("status", model::name(d.status));
  out.field_or_null("log_status", model::name(model::log_status(d.status)));
  out.field_or_null("reason", model::name(d.reason));
  out.field("priority", model::name(d.priority)).field("sandbox", d.is_sandbox);
  out.field("attempts", static_cast<int>(d.attempts)).field("resent", static_cast<int>(d.resent));
  out.field("generation", static_cast<int>(d.generation));
  out.field_or_null("integration", d.integration);
  out.field_or_null("provider_id", d.provider_id);
  out.field("created_at", to_rfc3339(base::id_time(d.id)));
  out.field_or_null("due_at", d.due_at);
  out.field_or_null("expires_at", d.expires_at);
  out.field_or_null("finished_at", d.finished_at);
  out.end_object();
}

Task<Answer> notification_list(Call& call, const Paging& paging, store::HistoryFilter filter) {
  CARILLON_CO_TRY(const auto page, co_await call.deps.store.list_notifications(std::move(filter)));
  base::JsonWriter out(512 * page.rows.size() + 64);
  out.object().key("data").array();
  for (const auto& n : page.rows) {
    open_notification(out, call, n);
    out.end_object();
  }
  out.end_array();
  write_page(out, call, paging, page.next);
  co_return json_reply(out);
}

Task<std::expected<std::shared_ptr<const model::Notification>, Failure>> visible_notification(
    Call& call, std::int64_t id) {
  std::vector<std::int64_t> ids{id};
  CARILLON_CO_TRY(auto found, co_await call.deps.store.notifications(std::move(ids)));
  const auto& n = found.front();
  const bool is_visible =
      n && n->project == call.who.project && (!call.who.app || n->app == call.who.app->id);
  if (!is_visible) {
    co_return std::unexpected(
        not_found(fmt::format("notification {}", base::id_text(base::kNotificationPrefix, id))));
  }
  co_return n;
}

Task<std::expected<std::shared_ptr<const model::Notification>, Failure>> changeable_notification(
    Call& call, std::int64_t id) {
  CARILLON_CO_TRY(auto n, co_await visible_notification(call, id));
  if (call.who.who == Who::App && call.who.is_test && !n->is_sandbox)
    co_return failed(403, "live_notification",
                     "it was sent with a live key; a test key changes only what ends in the sandbox");
  co_return n;
}

}  // namespace carillon::api
