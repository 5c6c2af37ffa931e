// Layouts and their versions: the frame around the e-mails of templates.
#include <algorithm>

#include "api/templates.h"
#include "model/layout.h"

namespace carillon::api {
namespace {

constexpr std::size_t kNamed = 10;  // templates named in a refusal

// What the snapshot says of the path's layout. Failures: 404.
std::expected<pipeline::LayoutHead, Failure> find_head(const Call& call) {
  const auto found = call.view().layouts.find(call.args[0]);
  if (found != call.view().layouts.end() && !found->second.is_deleted) return found->second;
  return std::unexpected(not_found(fmt::format("layout '{}'", call.args[0].substr(0, 64))));
}

Task<std::expected<std::shared_ptr<const model::Layout>, Failure>> load_layout(Call& call,
                                                                               std::int64_t version) {
  std::string key = call.args[0];
  auto found = co_await call.deps.directory.layout_version(call.who.project, std::move(key), version);
  if (!found && found.error().code == Errc::NotFound) {
    co_return std::unexpected(
        not_found(fmt::format("version {} of layout '{}'", version, call.args[0].substr(0, 64))));
  }
  if (!found) co_return std::unexpected(Failure(found.error()));
  co_return std::move(*found);
}

Reply layout_reply(const model::Layout& layout, std::int64_t published, int status = 200) {
  base::JsonWriter out(4096);
  model::Layout shown = layout;
  shown.is_published = layout.version == published;
  model::write_layout(out, shown);
  Reply reply;
  reply.status = status;
  reply.body = with_published(out.str(), shown.is_published);
  return reply;
}

Task<Answer> put_layout(Call& call) {
  if (auto failure = check_key(call.args[0])) co_return std::unexpected(std::move(*failure));
  CARILLON_CO_TRY(const bool publish, flag_param(call, "publish", true));
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  model::Layout draft = model::read_layout(root, call.args[0], problems);
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  const auto before = call.view().layouts.find(call.args[0]);
  std::int64_t published = before != call.view().layouts.end() ? before->second.published : 0;
  CARILLON_CO_TRY(draft.version,
                  co_await call.deps.directory.put_layout(call.who.project, draft, publish, call.actor()));
  if (publish) published = draft.version;
  co_return layout_reply(draft, published, draft.version == 1 ? 201 : 200);
}

// The published version, else the newest draft.
Task<Answer> get_layout(Call& call) {
  CARILLON_CO_TRY(const auto head, find_head(call));
  CARILLON_CO_TRY(const auto layout,
                  co_await load_layout(call, head.published != 0 ? head.published : head.latest));
  co_return layout_reply(*layout, head.published);
}

Task<Answer> get_layout_version(Call& call) {
  CARILLON_CO_TRY(const std::int64_t version, read_version(call.args[1]));
  CARILLON_CO_TRY(const auto head, find_head(call));
  CARILLON_CO_TRY(const auto layout, co_await load_layout(call, version));
  co_return layout_reply(*layout, head.published);
}

Task<Answer> list_layout_versions(Call& call) {
  CARILLON_CO_TRY(const auto head, find_head(call));
  co_return versions_reply(head.latest, head.published);
}

Task<Answer> publish_layout_version(Call& call) {
  CARILLON_CO_TRY(const std::int64_t version, read_version(call.args[1]));
  CARILLON_CO_TRY([[maybe_unused]] const auto known, find_head(call));
  CARILLON_CO_TRY(const auto layout, co_await load_layout(call, version));
  std::string key = call.args[0];
  CARILLON_CO_TRY(auto head, co_await call.deps.directory.layout_head(call.who.project, key));
  head.publish(version, call.now);
  CARILLON_CO_CHECK(co_await call.deps.directory.put_layout_head(call.who.project, std::move(key),
                                                                 std::move(head), call.actor()));
  co_return layout_reply(*layout, version);
}

// Templates whose published or newest version names the path's layout; at most one more than kNamed.
Task<Result<std::vector<std::string>>> users_of_layout(Call& call) {
  std::vector<std::string> users;
  store::ListPage page;
  page.limit = kPageMax;
  while (users.size() <= kNamed) {
    CARILLON_CO_TRY(const auto rows, co_await call.deps.store.list_records(
                                         std::string(pipeline::kKindTemplate), call.who.project, page));
    for (const auto& row : rows) {
      CARILLON_CO_TRY(const TemplateHead head, pipeline::decode_template_head(row));
      bool is_user = false;
      for (const std::int64_t version : {head.published, head.latest}) {
        if (head.is_deleted || version == 0 || is_user) continue;
        std::string key = row.key.key;
        CARILLON_CO_TRY(const auto t, co_await call.deps.directory.template_version(
                                          call.who.project, std::move(key), static_cast<int>(version)));
        is_user = t->layout == call.args[0];
      }
      if (is_user) users.push_back(row.key.key);
    }
    if (rows.size() < kPageMax) break;
    page.after_key = rows.back().key.key;
  }
  co_return users;
}

// Versions stay: what was accepted with them is still sent, and shown.
Task<Answer> delete_layout(Call& call) {
  CARILLON_CO_TRY([[maybe_unused]] const auto known, find_head(call));
  CARILLON_CO_TRY(const auto users, co_await users_of_layout(call));
  if (!users.empty()) {
    std::string names;
    for (std::size_t i = 0; i < std::min(users.size(), kNamed); ++i) {
      names += fmt::format("{}'{}'", i == 0 ? "" : ", ", users[i]);
    }
    co_return failed(
        409, "in_use",
        fmt::format("the layout is used by {} {}{}", users.size() == 1 ? "the template" : "the templates",
                    names, users.size() > kNamed ? " and more" : ""));
  }
  std::string key = call.args[0];
  CARILLON_CO_TRY(auto head, co_await call.deps.directory.layout_head(call.who.project, key));
  head.is_deleted = true;
  head.published = 0;
  CARILLON_CO_CHECK(co_await call.deps.directory.put_layout_head(call.who.project, std::move(key),
                                                                 std::move(head), call.actor()));
  co_return no_content();
}

Task<Answer> list_layouts(Call& call) {
  CARILLON_CO_TRY(const Paging paging, read_paging(call));
  store::ListPage page;
  page.limit = paging.limit;
  page.after_key = paging.after.key;
  CARILLON_CO_TRY(const auto rows, co_await call.deps.store.list_records(std::string(pipeline::kKindLayout),
                                                                         call.who.project, page));
  base::JsonWriter out(1024);
  out.object().key("data").array();
  for (const auto& row : rows) {
    CARILLON_CO_TRY(const auto head, pipeline::decode_layout_head(row.data));
    if (head.is_deleted) continue;
    out.object().field("key", row.key.key).field("version", head.latest).key("published");
    head.published != 0 ? out.value(head.published) : out.null();
    out.field("updated_at", to_rfc3339(row.updated_at)).end_object();
  }
  out.end_array();
  write_page(out, call, paging, rows, [](const auto& row) { return row.key.key; });
  co_return json_reply(out);
}

constexpr Route preview_route() {
  Route route = content_route("Layouts", "POST", "/v1/layouts/preview", allow(kScopeAny, "templates"),
                              preview_layout, "An e-mail as a layout that is being written would frame it",
                              "LayoutPreviewRequest", "Preview");
  route.is_looking = true;
  return route;
}

}  // namespace

std::span<const Route> layout_routes() {
  static constexpr Access kRead = allow(kScopeAny, "templates");
  static constexpr Access kWrite = of_all_apps(manage("templates"));
  static constexpr std::string_view kTag = "Layouts";
  static const Route kRoutes[] = {
      preview_route(),
      content_route(kTag, "GET", "/v1/layouts", kRead, list_layouts, "List layouts", {}, "LayoutSummaryList",
                    "limit after"),
      content_route(kTag, "PUT", "/v1/layouts/{key}", kWrite, put_layout,
                    "Store the next version; publish=false keeps it a draft", "Layout", "Layout", "publish"),
      content_route(kTag, "GET", "/v1/layouts/{key}", kRead, get_layout,
                    "The published version, else the newest", {}, "Layout"),
      content_route(kTag, "DELETE", "/v1/layouts/{key}", kWrite, delete_layout,
                    "Remove a layout that no template uses", {}, {}, {}, 204),
      content_route(kTag, "GET", "/v1/layouts/{key}/versions", kRead, list_layout_versions,
                    "The versions, newest first", {}, "TemplateVersionList"),
      content_route(kTag, "GET", "/v1/layouts/{key}/versions/{n}", kRead, get_layout_version, "One version",
                    {}, "Layout"),
      content_route(kTag, "POST", "/v1/layouts/{key}/versions/{n}/publish", kWrite, publish_layout_version,
                    "Use this version from now on", {}, "Layout"),
  };
  return kRoutes;
}

}  // namespace carillon::api
