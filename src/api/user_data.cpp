// All that is kept of one user: handing it out, and forgetting it.
#include "api/history.h"
#include "api/jobs.h"
#include "api/people.h"
#include "api/router.h"
#include "pipeline/route.h"

namespace carillon::api {
namespace {

constexpr std::size_t kLogMax = 10'000;  // entries of the preference log in an export, newest first

// A page of the list is the first one when it has no cursor.
bool is_first(const Paging& paging) { return paging.after.id == 0 && paging.after.key.empty(); }

Task<Result<void>> write_preference_log(Call& call, base::JsonWriter& out) {
  out.key("preference_log").array();
  store::ListPage page;
  page.limit = kPageMax;
  for (std::size_t written = 0; written < kLogMax;) {
    store::UserKey key{call.who.project, call.args[0]};
    CARILLON_CO_TRY(const auto rows, co_await call.deps.store.preference_log(std::move(key), page));
    for (const auto& row : rows) {
      out.object().field("at", to_rfc3339(row.at)).field("actor", row.actor).field("source", row.source);
      out.key("change").raw(row.change.empty() ? "{}" : row.change).end_object();
    }
    written += rows.size();
    if (rows.size() < kPageMax) break;
    page.after = rows.back().id;
  }
  out.end_array();
  co_return Result<void>{};
}

Task<Result<void>> write_groups(Call& call, base::JsonWriter& out) {
  store::UserKey key{call.who.project, call.args[0]};
  CARILLON_CO_TRY(const auto groups, co_await call.deps.store.groups_of(std::move(key)));
  out.key("groups").array();
  for (const auto& group : groups) {
    out.object().field("key", group.key).field("name", group.name).end_object();
  }
  out.end_array();
  co_return Result<void>{};
}

// The user's addresses that are never contacted.
Task<Result<void>> write_suppressions(Call& call, const model::Profile* profile, base::JsonWriter& out) {
  std::vector<std::pair<model::Channel, std::string>> addresses;
  if (profile != nullptr) {
    if (!profile->email.empty()) addresses.emplace_back(model::Channel::Email, profile->email);
    for (const auto channel : {model::Channel::Sms, model::Channel::Voice}) {
      if (!profile->phone_number.empty()) addresses.emplace_back(channel, profile->phone_number);
    }
    for (const auto& other : profile->addresses) addresses.emplace_back(other.channel, other.address);
  }
  std::vector<store::AddressKey> keys;
  for (const auto& [channel, address] : addresses) {
    keys.push_back({channel, pipeline::address_key(call.deps.keys.address_hash, channel, address)});
  }
  CARILLON_CO_TRY(const auto found, co_await call.deps.store.suppressed(call.who.project, std::move(keys)));
  out.key("suppressions").array();
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) continue;
    out.object().field("channel", model::name(addresses[i].first)).field("address", addresses[i].second);
    out.field("reason", found[i]->reason).field("at", to_rfc3339(found[i]->at)).end_object();
  }
  out.end_array();
  co_return Result<void>{};
}

Task<Result<void>> write_person(Call& call, base::JsonWriter& out) {
  CARILLON_CO_TRY(const ProfilePtr profile, co_await load_user(call));
  out.key("user");
  profile ? model::write_user(out, *profile) : static_cast<void>(out.null());
  out.key("preferences");
  profile ? model::write_preferences(out, *profile) : static_cast<void>(out.null());
  CARILLON_CO_CHECK(co_await write_preference_log(call, out));
  CARILLON_CO_CHECK(co_await write_groups(call, out));
  CARILLON_CO_CHECK(co_await write_suppressions(call, profile.get(), out));
  co_return Result<void>{};
}

// What was said is told as everywhere: without sensitive parameters.
Task<void> write_deliveries(Call& call, std::vector<model::Delivery> rows, base::JsonWriter& out) {
  out.key("deliveries").array();
  for (const model::Delivery& d : rows) {
    Result<model::Message> message = fail(Errc::NotFound, "nothing is rendered on a stopped store");
    if (call.deps.pipeline != nullptr) message = co_await call.deps.pipeline->rendered(d.id);
    out.object().key("delivery");
    write_delivery(out, d);
    out.key("content");
    message ? model::write_message(out, *message, d.channel()) : static_cast<void>(out.null());
    out.end_object();
  }
  out.end_array();
}

Task<Answer> export_user(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  if (!is_user_id(call.args[0])) co_return failed(422, "invalid_user_id", user_id_rule());
  store::HistoryFilter filter;
  filter.project = call.who.project;
  filter.app = call.who.app_id();
  filter.user_id = call.args[0];
  filter.after = paging.after.id;
  filter.limit = paging.limit;
  CARILLON_CO_TRY(auto page, co_await call.deps.store.list_deliveries(std::move(filter)));
  base::JsonWriter out(1024 * page.rows.size() + 4096);
  out.object().field("user_id", call.args[0]);
  if (is_first(paging)) {
    store::AuditEntry audit;
    audit.project = call.who.project;
    audit.at = call.now;
    audit.actor = call.actor();
    audit.action = "user.export";
    audit.object = call.args[0];
    CARILLON_CO_CHECK(co_await call.deps.store.put_audit(std::move(audit)));
    CARILLON_CO_CHECK(co_await write_person(call, out));
  }
  co_await write_deliveries(call, std::move(page.rows), out);
  write_page(out, call, paging, page.next);
  co_return json_reply(out);
}

Task<Answer> erase_user(Call& call) {
  if (!is_user_id(call.args[0])) co_return failed(422, "invalid_user_id", user_id_rule());
  if (call.deps.jobs == nullptr)
    co_return failed(503, "not_running", "the server is stopped: nothing is erased");
  pipeline::JobOwner owner{call.who.project, call.who.app_id(), call.actor()};
  CARILLON_CO_TRY(const auto job, co_await call.deps.jobs->add_erase(std::move(owner), call.args[0]));
  const std::vector<store::JobError> none;
  co_return job_reply(job, none);
}

}  // namespace

std::span<const Route> user_data_routes() {
  static const Route kRoutes[] = {
      {.method = "GET",
       .pattern = "/v1/users/{user_id}/export",
       .access = allow(kScopePeople, "people"),
       .handler = export_user,
       .tag = "People",
       .summary = "All that is kept of a user, with the deliveries by page, newest first",
       .response = "UserExport",
       .query = "limit after"},
      {.method = "POST",
       .pattern = "/v1/users/{user_id}/erase",
       .access = allow(kScopePeople, "people"),
       .handler = erase_user,
       .tag = "People",
       .summary =
           "Forget a user: profile, devices, preferences, memberships, what was said to the user",
       .response = "Job",
       .status = 202},
  };
  return kRoutes;
}

}  // namespace carillon::api
