// Categories: the policy a message is sent under.
#include <map>

#include "api/router.h"
#include "api/used_by.h"

namespace carillon::api {
namespace {

constexpr std::string_view kBuiltIn[] = {"general", "security"};

bool is_built_in(std::string_view key) { return std::ranges::find(kBuiltIn, key) != std::end(kBuiltIn); }

Failure no_category(const Call& call) {
  return not_found(fmt::format("category '{}'", call.args[0].substr(0, 64)));
}

// Categories that share a count must agree on it. The first other one that does not is named.
void check_cap(const Call& call, const model::Category& category, base::Problems& problems) {
  if (!category.cap) return;
  const model::Category* first = nullptr;
  for (const auto& [key, other] : call.view().categories) {
    if (key == category.key || !other->cap || other->cap->key != category.cap->key) continue;
    if (other->cap->limit == category.cap->limit && other->cap->per == category.cap->per) continue;
    if (first == nullptr || key < first->key) first = other.get();
  }
  if (first == nullptr) return;
  const auto differs = [&](std::string_view field) {
    problems.push_back(
        {fmt::format("/cap/{}", field), "cap_mismatch",
         fmt::format("the category '{}' counts under the same key '{}' with {} per {}", first->key,
                     first->cap->key, first->cap->limit, to_duration_text(first->cap->per))});
  };
  if (first->cap->limit != category.cap->limit) differs("limit");
  if (first->cap->per != category.cap->per) differs("per");
}

Reply category_reply(const model::Category& category, int status) {
  base::JsonWriter out(768);
  model::write_category(out, category);
  return json_reply(out, status);
}

Task<Answer> put_over(Call& call, model::Category base, int status) {
  if (auto failure = check_key(call.args[0])) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  const model::Category category = model::read_category(root, call.args[0], base, problems);
  if (problems.empty()) check_cap(call, category, problems);
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  base::JsonWriter data;
  model::write_category(data, category);
  store::Record record;
  record.key = {std::string(pipeline::kKindCategory), call.who.project, call.args[0]};
  record.data = data.str();
  CARILLON_CO_CHECK(co_await call.deps.directory.put(std::move(record), std::nullopt, call.actor()));
  configuration_changed(call);
  co_return category_reply(category, status);
}

Task<Answer> put_category(Call& call) {
  auto base = call.args[0] == "security" ? model::security_category() : model::general_category();
  const bool is_known = call.view().categories.contains(call.args[0]);
  co_return co_await put_over(call, std::move(base), is_known ? 200 : 201);
}

Task<Answer> patch_category(Call& call) {
  const auto it = call.view().categories.find(call.args[0]);
  if (it == call.view().categories.end()) co_return std::unexpected(no_category(call));
  co_return co_await put_over(call, *it->second, 200);
}

Task<Answer> get_category(Call& call) {
  const auto it = call.view().categories.find(call.args[0]);
  if (it == call.view().categories.end()) co_return std::unexpected(no_category(call));
  co_return category_reply(*it->second, 200);
}

Task<Answer> list_categories(Call& call) {
  const std::map<std::string, std::shared_ptr<const model::Category>> sorted(call.view().categories.begin(),
                                                                             call.view().categories.end());
  base::JsonWriter out(2048);
  out.object().key("data").array();
  for (const auto& [key, category] : sorted) model::write_category(out, *category);
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

// A built-in one goes back to its defaults.
Task<Answer> delete_category(Call& call) {
  const auto& view = call.view();
  if (!view.categories.contains(call.args[0])) co_return std::unexpected(no_category(call));
  if (!is_built_in(call.args[0])) {
    CARILLON_CO_CHECK(co_await refuse_used(call, Named::Category));
    for (const auto& [key, t] : view.templates) {
      if (t->category == call.args[0]) {
        co_return failed(409, "in_use", fmt::format("the template '{}' uses this category", key));
      }
    }
  }
  store::RecordKey key{std::string(pipeline::kKindCategory), call.who.project, call.args[0]};
  const auto removed = co_await call.deps.directory.remove(std::move(key), call.actor());
  if (!removed && removed.error().code != Errc::NotFound) co_return std::unexpected(Failure(removed.error()));
  configuration_changed(call);
  co_return no_content();
}

}  // namespace

std::span<const Route> category_routes() {
  static constexpr Access kRead = allow(kScopeAny, "categories");
  static constexpr Access kWrite = manage("categories");
  static const Route kRoutes[] = {
      {.method = "GET",
       .pattern = "/v1/categories",
       .access = kRead,
       .handler = list_categories,
       .tag = "Categories",
       .summary = "List categories",
       .response = "CategoryList"},
      {.method = "PUT",
       .pattern = "/v1/categories/{key}",
       .access = kWrite,
       .handler = put_category,
       .tag = "Categories",
       .summary = "Make or replace a category; what is left out is as in general",
       .request = "Category",
       .response = "Category"},
      {.method = "GET",
       .pattern = "/v1/categories/{key}",
       .access = kRead,
       .handler = get_category,
       .tag = "Categories",
       .summary = "One category",
       .response = "Category"},
      {.method = "PATCH",
       .pattern = "/v1/categories/{key}",
       .access = kWrite,
       .handler = patch_category,
       .tag = "Categories",
       .summary = "Change what the body names",
       .request = "Category",
       .response = "Category"},
      {.method = "DELETE",
       .pattern = "/v1/categories/{key}",
       .access = kWrite,
       .handler = delete_category,
       .tag = "Categories",
       .summary = "Remove a category that no template, rule or schedule names (force=true: rules and "
                  "schedules even so); a built-in one goes back to its defaults",
       .status = 204,
       .query = "force"},
  };
  return kRoutes;
}

}  // namespace carillon::api
