// Templates and their versions.
#include "api/templates.h"

#include <charconv>

#include "api/used_by.h"

namespace carillon::api {
namespace {

constexpr std::string_view kDefaultCategory = "general";  // of a template that names none

store::RecordKey head_key(const Call& call) {
  return {std::string(pipeline::kKindTemplate), call.who.project, call.args[0]};
}

Task<Result<void>> store_head(Call& call, TemplateHead head) {
  return call.deps.directory.put_template_head(call.who.project, call.args[0], head, call.actor());
}

// As stored, with which version is in use now.
void write_template(base::JsonWriter& out, const model::Template& t, const TemplateHead& head,
                    const std::optional<UsedBy>& users = std::nullopt) {
  base::JsonWriter whole(4096);
  model::Template shown = t;
  shown.is_published = t.version == head.published;
  model::write_template(whole, shown);
  std::string json = with_published(whole.str(), shown.is_published);
  if (head.is_archived) json.insert(json.size() - 1, R"(,"archived":true)");
  if (users) {
    base::JsonWriter used(128);
    write_used_by(used, *users);
    json.insert(json.size() - 1, R"(,"used_by":)" + used.str());
  }
  out.raw(json);
}

// A draft may name a layout that is a draft itself; what is sent may not.
void check_layout(const Call& call, const model::Template& t, bool is_used, base::Problems& problems) {
  if (t.layout.empty()) return;
  const auto head = call.view().layouts.find(t.layout);
  const bool is_there = head != call.view().layouts.end() && !head->second.is_deleted;
  if (is_there && (!is_used || head->second.published != 0)) return;
  problems.push_back({"/layout", "unknown_layout",
                      is_there ? fmt::format("no version of the layout '{}' is published", t.layout)
                               : fmt::format("there is no layout '{}'", t.layout)});
}

std::expected<model::Template, Failure> read_draft(const Call& call, bool publish) {
  if (auto failure = check_key(call.args[0])) return std::unexpected(std::move(*failure));
  const auto root = parse_body(call.request.body);
  if (!root) return std::unexpected(root.error());
  base::Problems problems;
  model::Template draft = model::read_template(*root, call.args[0], problems);
  if (!draft.category.empty() && !call.view().categories.contains(draft.category)) {
    problems.push_back(
        {"/category", "unknown_category", fmt::format("there is no category '{}'", draft.category)});
  }
  check_layout(call, draft, publish, problems);
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return draft;
}

// Who acts as an app writes what is said in the categories that are the app's.
std::expected<void, Failure> check_category(const Call& call, const model::Template& t) {
  if (!call.who.acts_as_app()) return {};
  const std::string_view category = t.category.empty() ? kDefaultCategory : std::string_view(t.category);
  if (call.who.app->may_use_category(category)) return {};
  return failed(403, "app_category",
                fmt::format("the app '{}' may not use the category '{}'", call.who.app->name, category));
}

// The same of the template that is there.
Task<std::expected<void, Failure>> check_stored_category(Call& call) {
  if (!call.who.acts_as_app()) co_return std::expected<void, Failure>{};
  const auto head = co_await load_template_head(call);
  if (!head && head.error().status == 404) co_return std::expected<void, Failure>{};
  CARILLON_CO_CHECK(head);
  CARILLON_CO_TRY(const auto t, co_await load_template_version(
                                    call, head->published != 0 ? head->published : head->latest));
  co_return check_category(call, *t);
}

Task<Answer> put_template(Call& call) {
  CARILLON_CO_TRY(const bool publish, flag_param(call, "publish", true));
  CARILLON_CO_TRY(model::Template draft, read_draft(call, publish));
  CARILLON_CO_CHECK(check_category(call, draft));
  CARILLON_CO_CHECK(co_await check_stored_category(call));
  const auto before = call.view().templates.find(call.args[0]);
  TemplateHead head;
  if (before != call.view().templates.end()) head.published = before->second->version;
  head.is_archived = call.view().archived.contains(call.args[0]);
  CARILLON_CO_TRY(draft.version,
                  co_await call.deps.directory.put_template(call.who.project, draft, publish, call.actor()));
  if (publish) head.published = draft.version;
  base::JsonWriter out(4096);
  write_template(out, draft, head);
  co_return json_reply(out, draft.version == 1 ? 201 : 200);
}

// The published version, else the newest draft.
Task<Answer> get_template(Call& call) {
  CARILLON_CO_TRY(const auto head, co_await load_template_head(call));
  CARILLON_CO_TRY(const auto t,
                  co_await load_template_version(call, head.published != 0 ? head.published : head.latest));
  // What others set up is not an app's to know.
  std::optional<UsedBy> users;
  if (!call.who.app) { CARILLON_CO_TRY(users, co_await find_users(call, Named::Template)); }
  base::JsonWriter out(4096);
  write_template(out, *t, head, users);
  co_return json_reply(out);
}

Task<Answer> get_version(Call& call) {
  CARILLON_CO_TRY(const std::int64_t version, read_version(call.args[1]));
  CARILLON_CO_TRY(const auto head, co_await load_template_head(call));
  CARILLON_CO_TRY(const auto t, co_await load_template_version(call, version));
  base::JsonWriter out(4096);
  write_template(out, *t, head);
  co_return json_reply(out);
}

Task<Answer> list_versions(Call& call) {
  CARILLON_CO_TRY(const auto head, co_await load_template_head(call));
  co_return versions_reply(head.latest, head.published);
}

Task<Answer> publish_version(Call& call) {
  CARILLON_CO_TRY(const std::int64_t version, read_version(call.args[1]));
  CARILLON_CO_TRY(auto head, co_await load_template_head(call));
  CARILLON_CO_TRY(const auto t, co_await load_template_version(call, version));
  CARILLON_CO_CHECK(check_category(call, *t));
  CARILLON_CO_CHECK(co_await check_stored_category(call));
  base::Problems problems;
  check_layout(call, *t, true, problems);
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  head.published = version;
  CARILLON_CO_CHECK(co_await store_head(call, head));
  base::JsonWriter out(4096);
  write_template(out, *t, head);
  co_return json_reply(out);
}

// Versions stay, because what was sent with them is still shown.
Task<Answer> delete_template(Call& call) {
  CARILLON_CO_TRY(auto head, co_await load_template_head(call));
  CARILLON_CO_CHECK(co_await check_stored_category(call));
  CARILLON_CO_CHECK(co_await refuse_used(call, Named::Template));
  head.published = 0;
  head.is_archived = false;
  head.is_deleted = true;
  CARILLON_CO_CHECK(co_await store_head(call, head));
  co_return no_content();
}

// What was accepted with it is still sent.
template <bool is_archived>
Task<Answer> set_archived(Call& call) {
  CARILLON_CO_TRY(auto head, co_await load_template_head(call));
  CARILLON_CO_CHECK(co_await check_stored_category(call));
  if (head.is_archived != is_archived) {
    if (is_archived) CARILLON_CO_CHECK(co_await refuse_used(call, Named::Template));
    head.is_archived = is_archived;
    CARILLON_CO_CHECK(co_await store_head(call, head));
  }
  CARILLON_CO_TRY(const auto t,
                  co_await load_template_version(call, head.published != 0 ? head.published : head.latest));
  base::JsonWriter out(4096);
  write_template(out, *t, head);
  co_return json_reply(out);
}

Task<Answer> list_templates(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  store::ListPage page;
  page.limit = paging.limit;
  page.after_key = paging.after.key;
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.list_records(std::string(pipeline::kKindTemplate),
                                                                         call.who.project, page));
  base::JsonWriter out(1024);
  out.object().key("data").array();
  for (const auto& row : rows) {
    CARILLON_CO_TRY(const TemplateHead head, pipeline::decode_template_head(row));
    if (head.is_deleted) continue;
    out.object().field("key", row.key.key).field("version", head.latest).key("published");
    head.published != 0 ? out.value(head.published) : out.null();
    out.field("archived", head.is_archived);
    const auto it = call.view().templates.find(row.key.key);
    if (it != call.view().templates.end()) {
      out.field_if("category", it->second->category).field("default_locale", it->second->default_locale);
      out.key("channels").array();
      for (const auto channel : it->second->channels) out.value(model::name(channel));
      out.end_array();
    }
    out.field("updated_at", to_rfc3339(row.updated_at)).end_object();
  }
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.key.key; });
  co_return json_reply(out);
}

}  // namespace

Reply versions_reply(std::int64_t latest, std::int64_t published) {
  base::JsonWriter out;
  out.object().key("data").array();
  const std::int64_t oldest = std::max<std::int64_t>(latest - static_cast<std::int64_t>(kPageMax), 0);
  for (std::int64_t v = latest; v > oldest; --v) {
    out.object().field("version", v).field("published", v == published).end_object();
  }
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  return json_reply(out);
}

Task<std::expected<TemplateHead, Failure>> load_template_head(Call& call) {
  const auto record = co_await call.deps.store.get_record(head_key(call));
  if (!record && record.error().code != Errc::NotFound) co_return std::unexpected(Failure(record.error()));
  TemplateHead head;
  if (record) { CARILLON_CO_TRY(head, pipeline::decode_template_head(*record)); }
  if (!record || head.is_deleted) {
    co_return std::unexpected(not_found(fmt::format("template '{}'", call.args[0].substr(0, 64))));
  }
  co_return head;
}

Task<std::expected<std::shared_ptr<const model::Template>, Failure>> load_template_version(
    Call& call, std::int64_t version) {
  std::string key = call.args[0];
  auto found = co_await call.deps.directory.template_version(call.who.project, std::move(key),
                                                             static_cast<int>(version));
  if (!found && found.error().code == Errc::NotFound) {
    co_return std::unexpected(
        not_found(fmt::format("version {} of template '{}'", version, call.args[0].substr(0, 64))));
  }
  if (!found) co_return std::unexpected(Failure(found.error()));
  co_return std::move(*found);
}

std::expected<std::int64_t, Failure> read_version(std::string_view text) {
  std::int64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc{} || end != text.data() + text.size() || version < 1 ||
      version > pipeline::kVersionsMax) {
    return std::unexpected(not_found(fmt::format("version '{}'", text.substr(0, 20))));
  }
  return version;
}

std::string with_published(std::string json, bool is_published) {
  json.insert(json.size() - 1, is_published ? R"(,"published":true)" : R"(,"published":false)");
  return json;
}

std::span<const Route> template_routes() {
  static constexpr Access kRead = allow(kScopeAny, "templates");
  static constexpr Access kWrite = manage("templates");
  static constexpr std::string_view kTag = "Templates";
  static const Route kRoutes[] = {
      content_route(kTag, "GET", "/v1/templates", kRead, list_templates, "List templates", {},
                    "TemplateSummaryList", "limit after"),
      content_route(kTag, "PUT", "/v1/templates/{key}", kWrite, put_template,
                    "Store the next version; publish=false keeps it a draft", "Template", "Template",
                    "publish"),
      content_route(kTag, "GET", "/v1/templates/{key}", kRead, get_template,
                    "The published version, else the newest", {}, "Template"),
      content_route(
          kTag, "DELETE", "/v1/templates/{key}", kWrite, delete_template,
          "Take it out of use, unless a rule or schedule names it (force=true: even so); versions stay", {},
          {}, "force", 204),
      content_route(kTag, "GET", "/v1/templates/{key}/versions", kRead, list_versions,
                    "The versions, newest first", {}, "TemplateVersionList"),
      content_route(kTag, "GET", "/v1/templates/{key}/versions/{n}", kRead, get_version, "One version", {},
                    "Template"),
      content_route(kTag, "POST", "/v1/templates/{key}/versions/{n}/publish", kWrite, publish_version,
                    "Use this version from now on", {}, "Template"),
      content_route(kTag, "GET", "/v1/templates/{key}/versions/{n}/diff", kRead, diff_template,
                    "What this version changed of the one before, or of another", {}, "TemplateDiff",
                    "against"),
      content_route(
          kTag, "POST", "/v1/templates/{key}/archive", kWrite, set_archived<true>,
          "Refuse new sends with it, unless a rule or schedule names it (force=true: even so); what "
          "was accepted still goes",
          {}, "Template", "force"),
      content_route(kTag, "POST", "/v1/templates/{key}/unarchive", kWrite, set_archived<false>,
                    "Let it be used again", {}, "Template"),
      {.method = "POST",
       .pattern = "/v1/templates/preview",
       .access = kRead,
       .handler = preview_unsaved,
       .tag = kTag,
       .summary = "What a template that is being written would say",
       .request = "UnsavedPreviewRequest",
       .response = "Preview",
       .body_max = 2 * kTemplateMax,
       .is_looking = true},
      {.method = "POST",
       .pattern = "/v1/templates/{key}/preview",
       .access = kRead,
       .handler = preview_template,
       .tag = kTag,
       .summary = "What it says with these parameters",
       .request = "PreviewRequest",
       .response = "Preview",
       .is_looking = true,
       .is_body_optional = true},
  };
  return kRoutes;
}

}  // namespace carillon::api
