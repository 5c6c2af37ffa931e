#include "api/used_by.h"

#include <algorithm>

#include "model/schedule.h"

namespace carillon::api {
namespace {

constexpr std::size_t kNamedMax = 10;  // in a refusal

bool is_text(base::JsonElement object, std::string_view member, std::string_view wanted) {
  std::string_view text;
  return object[member].get(text) == simdjson::SUCCESS && text == wanted;
}

// Whether a send names it. What a rule takes from an event is not known yet.
bool names(base::JsonElement send, Named what, std::string_view key) {
  base::JsonElement part;
  base::JsonArray entries;
  switch (what) {
    case Named::Template:
      return is_text(send, "template", key) ||
             (send["template"].get(part) == simdjson::SUCCESS && is_text(part, "key", key));
    case Named::Category: return is_text(send, "category", key);
    case Named::Group:
      return send["to"].get(entries) == simdjson::SUCCESS &&
             std::ranges::any_of(entries,
                                 [&](base::JsonElement entry) { return is_text(entry, "group", key); });
  }
  return false;
}

bool names(base::JsonDocument& document, const std::string& send, Named what, std::string_view key) {
  const auto root = document.parse(send);
  return root && names(*root, what, key);
}

std::string_view word_of(Named what) noexcept {
  switch (what) {
    case Named::Template: return "template";
    case Named::Category: return "category";
    case Named::Group: break;
  }
  return "group";
}

}  // namespace

Task<std::expected<UsedBy, Failure>> find_users(Call& call, Named what) {
  const std::string& key = call.args[0];
  UsedBy users;
  base::JsonDocument document;
  for (const model::Rule& rule : call.view().rules->all()) {
    if (names(document, rule.send_json, what, key)) users.rules.push_back(rule.key);
  }
  store::ListPage page;
  page.limit = kPageMax;
  while (true) {
    CARILLON_CO_TRY(const auto rows, co_await call.deps.store.list_records(
                                         std::string(pipeline::kKindSchedule), call.who.project, page));
    for (const auto& row : rows) {
      CARILLON_CO_TRY(const model::Schedule schedule, model::decode_schedule(row.data));
      if (names(document, schedule.notification, what, key)) users.schedules.push_back(row.key.key);
    }
    if (rows.size() < kPageMax) break;
    page.after_key = rows.back().key.key;
  }
  std::ranges::sort(users.rules);
  co_return users;
}

Task<std::expected<void, Failure>> refuse_used(Call& call, Named what) {
  CARILLON_CO_TRY(const bool is_forced, flag_param(call, "force", false));
  if (is_forced) co_return std::expected<void, Failure>{};
  CARILLON_CO_TRY(const UsedBy users, co_await find_users(call, what));
  if (users.empty()) co_return std::expected<void, Failure>{};
  // What others set up is not an app's to know.
  if (call.who.app) {
    co_return failed(409, "in_use",
                     fmt::format("the {} is in use; change what uses it, or say force=true", word_of(what)));
  }
  std::vector<std::string> named;
  for (const auto& rule : users.rules) named.push_back(fmt::format("rule '{}'", rule));
  for (const auto& schedule : users.schedules) named.push_back(fmt::format("schedule '{}'", schedule));
  const std::size_t more = named.size() - std::min(named.size(), kNamedMax);
  named.resize(named.size() - more);
  co_return failed(
      409, "in_use",
      fmt::format("the {} is used by {}{}; change what uses it, or say force=true", word_of(what),
                  fmt::join(named, ", "), more > 0 ? fmt::format(" and {} more", more) : ""));
}

void write_used_by(base::JsonWriter& out, const UsedBy& users) {
  out.object();
  for (const auto& [kind, keys] : {std::pair{"rules", &users.rules}, {"schedules", &users.schedules}}) {
    out.key(kind).array();
    for (const auto& key : *keys) out.value(key);
    out.end_array();
  }
  out.end_object();
}

}  // namespace carillon::api
