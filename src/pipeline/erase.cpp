#include "pipeline/erase.h"

#include <algorithm>
#include <map>

#include "base/failpoint.h"
#include "model/record.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kPage = 100;  // deliveries of one step
constexpr std::string_view kErased = "(erased)";

}  // namespace

std::string encode_erase_spec(std::string_view user_id) {
  base::JsonWriter out;
  out.object().field("user_id", user_id).end_object();
  return out.str();
}

Result<std::string> decode_erase_spec(std::string_view json) {
  return model::decode_record<std::string>(
      json, "erasure", [](base::ObjectReader& reader, std::string& user_id, base::Problems&) {
        reader.require("user_id");
        reader.text("user_id", user_id, model::kUserIdMax);
      });
}

std::string erased_request(const model::Notification& notification, std::string_view user_id,
                           const std::vector<model::Channel>& channels) {
  const auto& request = notification.request;
  const auto is_user = [&](const model::Recipient& to) {
    return to.kind == model::RecipientKind::User && to.id == user_id;
  };
  if (!request || request->to.empty() || channels.empty() || !std::ranges::all_of(request->to, is_user))
    return {};
  base::JsonWriter out;
  out.object().key("to").array();
  // As many as before: deliveries point at their entry.
  for (std::size_t i = 0; i < request->to.size(); ++i) out.object().field("user_id", user_id).end_object();
  out.end_array().key("channels").array();
  for (const model::Channel channel : request->channels.empty() ? channels : request->channels) {
    out.value(model::name(channel));
  }
  out.end_array().field("category", request->category);
  out.field("title", kErased).field("body", kErased).end_object();
  std::string body = out.str();
  // What is stored has to read back.
  base::JsonDocument document;
  base::Problems problems;
  const auto root = document.parse(body);
  if (root) static_cast<void>(model::read_send_request(*root, std::nullopt, "", problems));
  return root && problems.empty() ? body : std::string();
}

Task<Result<void>> Eraser::run(const bool& is_stopping) {
  CARILLON_CO_TRY(user_id_, decode_erase_spec(job_.spec));
  while (!is_stopping) {
    store::HistoryFilter filter;
    filter.project = job_.project;
    filter.user_id = user_id_;
    filter.after = job_.cursor;
    filter.limit = kPage;
    CARILLON_CO_TRY(auto page, co_await store_.list_deliveries(std::move(filter)));
    CARILLON_CO_TRY(const std::int64_t wiped, co_await wipe(std::move(page.rows)));
    CARILLON_FAILPOINT("erase.before_step");
    store::JobStep step;
    step.job = job_.id;
    step.expected_cursor = job_.cursor;
    step.is_last = page.next == 0;
    step.cursor = step.is_last ? job_.cursor : page.next;
    step.done = wiped;
    step.total = job_.done + wiped;
    CARILLON_CO_TRY(job_, co_await store_.jobs().step(std::move(step), clock_.now()));
    if (page.next == 0) break;
  }
  co_return Result<void>{};
}

Task<Result<std::int64_t>> Eraser::wipe(std::vector<model::Delivery> rows) {
  std::map<std::int64_t, store::WipedNotification> found;
  std::map<std::int64_t, std::vector<model::Channel>> channels;
  std::vector<std::int64_t> ids;
  for (const model::Delivery& d : rows) {
    if (d.notification > job_.id) continue;
    const auto [it, is_new] = found.try_emplace(d.notification);
    if (is_new) ids.push_back(d.notification);
    it->second.id = d.notification;
    it->second.deliveries.push_back(d.id);
    auto& named = channels[d.notification];
    if (std::ranges::find(named, d.channel()) == named.end()) named.push_back(d.channel());
  }
  if (ids.empty()) co_return 0;
  CARILLON_CO_TRY(const auto notifications, co_await store_.notifications(std::move(ids)));
  std::vector<store::WipedNotification> wiped;
  for (const auto& n : notifications) {
    if (!n) continue;
    store::WipedNotification& one = found.find(n->id)->second;
    one.body = erased_request(*n, user_id_, channels[n->id]);
    if (!one.body.empty()) wiped.push_back(std::move(one));
  }
  // One whose deliveries are on two pages is counted on the first.
  const auto is_counted = [this](const store::WipedNotification& one) { return one.id != last_; };
  const std::int64_t count = std::ranges::count_if(wiped, is_counted);
  last_ = rows.back().notification;
  if (!wiped.empty()) CARILLON_CO_CHECK(co_await store_.wipe_notifications(std::move(wiped)));
  co_return count;
}

}  // namespace carillon::pipeline
