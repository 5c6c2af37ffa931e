// Groups: named sets of users, and who is in them.
#include <algorithm>

#include "api/router.h"
#include "api/used_by.h"
#include "model/address.h"

namespace carillon::api {
namespace {

constexpr std::size_t kNameMax = 200;          // bytes
constexpr std::size_t kMembersMax = 10'000;    // of one change
constexpr std::size_t kMembersBody = 2 << 20;  // bytes: 10,000 ids of 128 bytes, quoted

Failure no_group(const Call& call) { return not_found(fmt::format("group '{}'", call.args[0])); }

void write_group(base::JsonWriter& out, const store::Group& group) {
  out.object().field("key", group.key).field("name", group.name).field("members", group.members);
  out.field("created_at", to_rfc3339(group.created_at)).field("updated_at", to_rfc3339(group.updated_at));
  out.end_object();
}

Reply group_reply(const store::Group& group, int status = 200) {
  base::JsonWriter out;
  write_group(out, group);
  return json_reply(out, status);
}

Task<std::expected<store::Group, Failure>> find(Call& call) {
  std::vector<std::string> keys{call.args[0]};
  CARILLON_CO_TRY(auto found, co_await call.deps.store.groups(call.who.project, std::move(keys)));
  if (found.front().id == 0) co_return std::unexpected(no_group(call));
  co_return std::move(found.front());
}

Task<Answer> put(Call& call) {
  if (auto failure = check_key(call.args[0])) co_return std::unexpected(std::move(*failure));
  std::string name = call.args[0];
  if (!call.request.body.empty()) {
    CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
    base::Problems problems;
    base::ObjectReader reader(root, "", problems);
    reader.text("name", name, kNameMax);
    reader.done();
    if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  }
  CARILLON_CO_TRY(const auto group,
                  co_await call.deps.store.put_group(call.who.project, call.args[0], std::move(name),
                                                     call.actor(), call.now));
  co_return group_reply(group, group.created_at == call.now ? 201 : 200);
}

Task<Answer> get(Call& call) {
  CARILLON_CO_TRY(const auto group, co_await find(call));
  co_return group_reply(group);
}

Task<Answer> remove(Call& call) {
  CARILLON_CO_CHECK(co_await refuse_used(call, Named::Group));
  const auto done =
      co_await call.deps.store.delete_group(call.who.project, call.args[0], call.actor(), call.now);
  if (!done && done.error().code == Errc::NotFound) co_return std::unexpected(no_group(call));
  CARILLON_CO_CHECK(done);
  co_return no_content();
}

Task<Answer> list(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  store::ListPage page;
  page.after_key = paging.after.key;
  page.limit = paging.limit;
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.list_groups(call.who.project, std::move(page)));
  base::JsonWriter out(160 * rows.size() + 64);
  out.object().key("data").array();
  for (const auto& row : rows) write_group(out, row);
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.key; });
  co_return json_reply(out);
}

// A JSON integer is taken as its decimal text, as everywhere a user_id is.
std::optional<std::string> user_id_of(base::JsonElement element) {
  std::string_view text;
  if (element.get_string().get(text) == simdjson::SUCCESS) return std::string(text);
  std::int64_t number = 0;
  if (element.get_int64().get(number) == simdjson::SUCCESS) return std::to_string(number);
  return std::nullopt;
}

std::expected<std::vector<std::string>, Failure> read_user_ids(const Call& call) {
  CARILLON_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  reader.require("user_ids");
  const auto element = reader.element("user_ids");
  reader.done();
  base::JsonArray array;
  if (element && element->get_array().get(array) != simdjson::SUCCESS) {
    problems.push_back({"/user_ids", "wrong_type", "must be an array of user ids"});
  }
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  if (array.size() == 0 || array.size() > kMembersMax) {
    return failed_at("/user_ids", array.size() == 0 ? "required" : "too_many",
                     fmt::format("give 1 to {} user ids; import longer lists as a job", kMembersMax));
  }
  std::vector<std::string> ids;
  ids.reserve(array.size());
  for (const auto item : array) {
    auto id = user_id_of(item);
    if (!id || !is_user_id(*id)) {
      problems.push_back(
          {fmt::format("/user_ids/{}", ids.size()), id ? "invalid_user_id" : "wrong_type", user_id_rule()});
      if (problems.size() >= base::kMaxProblems) break;
    }
    ids.push_back(id ? std::move(*id) : std::string());
  }
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return ids;
}

template <bool is_removal>
Task<Answer> change(Call& call) {
  CARILLON_CO_TRY(auto ids, read_user_ids(call));
  auto changed = co_await call.deps.store.change_members(call.who.project, call.args[0], std::move(ids),
                                                         is_removal, call.actor(), call.now);
  if (!changed && changed.error().code == Errc::NotFound) co_return std::unexpected(no_group(call));
  CARILLON_CO_CHECK(changed);
  base::JsonWriter out;
  out.object().field(is_removal ? "removed" : "added", changed->changed);
  out.field("members", changed->group.members).end_object();
  co_return json_reply(out);
}

Task<Answer> list_members(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  CARILLON_CO_TRY(const auto group, co_await find(call));
  store::MembersQuery query;
  query.groups.push_back({.entry = 0, .group = group.id});
  query.after = paging.after.key;
  query.limit = paging.limit;
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.members(std::move(query)));
  base::JsonWriter out(64 * rows.size() + 64);
  out.object().key("data").array();
  for (const auto& row : rows) out.object().field("user_id", row.user_id).end_object();
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.user_id; });
  co_return json_reply(out);
}

constexpr Route route_of(std::string_view method, std::string_view pattern, Handler handler,
                         std::string_view summary, std::string_view request, std::string_view response,
                         int status = 200, std::string_view query = {}) {
  return {.method = method,
          .pattern = pattern,
          .access = allow(kScopePeople, "people"),
          .handler = handler,
          .tag = "Groups",
          .summary = summary,
          .request = request,
          .response = response,
          .status = status,
          .query = query,
          .body_max = kMembersBody};
}

}  // namespace

std::span<const Route> group_routes() {
  static const Route kRoutes[] = {
      route_of("GET", "/v1/groups", list, "List groups by key", {}, "GroupList", 200, "limit after"),
      with_optional_body(
          route_of("PUT", "/v1/groups/{key}", put, "Make a group, or rename it", "Group", "Group")),
      route_of("GET", "/v1/groups/{key}", get, "One group, with the number of its members", {}, "Group"),
      route_of(
          "DELETE", "/v1/groups/{key}", remove,
          "Remove a group, unless a rule or schedule names it (force=true: even so); sends accepted for it "
          "still reach its members",
          {}, {}, 204, "force"),
      route_of("GET", "/v1/groups/{key}/members", list_members, "List members by user id", {}, "MemberList",
               200, "limit after"),
      route_of("POST", "/v1/groups/{key}/members", change<false>, "Add users", "MemberChange",
               "MembersAdded"),
      route_of("DELETE", "/v1/groups/{key}/members", change<true>, "Remove users", "MemberChange",
               "MembersRemoved"),
  };
  return kRoutes;
}

}  // namespace carillon::api
