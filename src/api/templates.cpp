// Templates and their versions.
#include <charconv>

#include "api/router.h"

namespace carillon::api {
namespace {

constexpr std::size_t kTemplateMax = 1024 * 1024;  // bytes of a body
constexpr std::int64_t kVersionsMax = 1'000'000;

// What the record of a template says: which versions there are.
struct Head {
  std::int64_t latest = 0, published = 0, version = 0;  // version: the record's own
  bool is_deleted = false;
};

Result<Head> read_head(const store::Record& record) {
  Head head;
  head.version = record.version;
  base::JsonDocument document;
  CARILLON_TRY(const auto root, document.parse(record.data));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  reader.integer("latest", head.latest, 0, kVersionsMax);
  reader.integer("published", head.published, 0, kVersionsMax);
  reader.boolean("deleted", head.is_deleted);
  return head;
}

store::RecordKey head_key(const Call& call) {
  return {std::string(pipeline::kKindTemplate), call.who.project, call.args[0]};
}

Failure no_template(const Call& call) {
  return not_found(fmt::format("template '{}'", call.args[0].substr(0, 64)));
}

// Null when there is none, or it was deleted.
Task<Result<std::optional<Head>>> load_head(Call& call) {
  const auto record = co_await call.deps.store.get_record(head_key(call));
  if (!record && record.error().code == Errc::NotFound) co_return std::optional<Head>();
  if (!record) co_return std::unexpected(record.error());
  CARILLON_CO_TRY(const Head head, read_head(*record));
  co_return head.is_deleted ? std::optional<Head>() : std::optional(head);
}

Task<Result<void>> store_head(Call& call, Head head) {
  base::JsonWriter out;
  out.object().field("latest", head.latest).field("published", head.published);
  if (head.is_deleted) out.field("deleted", true);
  out.end_object();
  store::Record record;
  record.key = head_key(call);
  record.data = out.str();
  CARILLON_CO_CHECK(co_await call.deps.directory.put(std::move(record), head.version, call.actor()));
  co_return Result<void>{};
}

Task<std::expected<std::shared_ptr<const model::Template>, Failure>> load_version(Call& call,
                                                                                  std::int64_t version) {
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

// As stored, with which version is in use now.
void write_template(base::JsonWriter& out, const model::Template& t, std::int64_t published) {
  base::JsonWriter whole(4096);
  model::Template shown = t;
  shown.is_published = t.version == published;
  model::write_template(whole, shown);
  std::string text = whole.str();
  text.pop_back();
  out.raw(text + fmt::format(R"(,"published":{}}})", shown.is_published ? "true" : "false"));
}

std::expected<std::int64_t, Failure> version_arg(const Call& call) {
  std::int64_t version = 0;
  const std::string& text = call.args[1];
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc{} || end != text.data() + text.size() || version < 1 || version > kVersionsMax) {
    return std::unexpected(not_found(fmt::format("version '{}'", text.substr(0, 20))));
  }
  return version;
}

std::expected<model::Template, Failure> read_draft(const Call& call) {
  if (auto failure = check_key(call.args[0])) return std::unexpected(std::move(*failure));
  const auto root = parse_body(call.request.body);
  if (!root) return std::unexpected(root.error());
  base::Problems problems;
  model::Template draft = model::read_template(*root, call.args[0], problems);
  if (!draft.category.empty() && !call.view().categories.contains(draft.category)) {
    problems.push_back(
        {"/category", "unknown_category", fmt::format("there is no category '{}'", draft.category)});
  }
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return draft;
}

Task<Answer> put_template(Call& call) {
  CARILLON_CO_TRY(model::Template draft, read_draft(call));
  CARILLON_CO_TRY(const bool publish, flag_param(call, "publish", true));
  const std::int64_t before = call.view().templates.contains(call.args[0])
                                  ? call.view().templates.find(call.args[0])->second->version
                                  : 0;
  CARILLON_CO_TRY(const int version,
                  co_await call.deps.directory.put_template(call.who.project, draft, publish, call.actor()));
  draft.version = version;
  base::JsonWriter out(4096);
  write_template(out, draft, publish ? version : before);
  co_return json_reply(out, version == 1 ? 201 : 200);
}

// The published version, else the newest draft.
Task<Answer> get_template(Call& call) {
  CARILLON_CO_TRY(const auto head, co_await load_head(call));
  if (!head) co_return std::unexpected(no_template(call));
  CARILLON_CO_TRY(const auto t,
                  co_await load_version(call, head->published != 0 ? head->published : head->latest));
  base::JsonWriter out(4096);
  write_template(out, *t, head->published);
  co_return json_reply(out);
}

Task<Answer> get_version(Call& call) {
  CARILLON_CO_TRY(const std::int64_t version, version_arg(call));
  CARILLON_CO_TRY(const auto head, co_await load_head(call));
  if (!head) co_return std::unexpected(no_template(call));
  CARILLON_CO_TRY(const auto t, co_await load_version(call, version));
  base::JsonWriter out(4096);
  write_template(out, *t, head->published);
  co_return json_reply(out);
}

Task<Answer> list_versions(Call& call) {
  CARILLON_CO_TRY(const auto head, co_await load_head(call));
  if (!head) co_return std::unexpected(no_template(call));
  base::JsonWriter out;
  out.object().key("data").array();
  const std::int64_t oldest = std::max<std::int64_t>(head->latest - static_cast<std::int64_t>(kPageMax), 0);
  for (std::int64_t v = head->latest; v > oldest; --v) {
    out.object().field("version", v).field("published", v == head->published).end_object();
  }
  out.end_array().key("page").object().key("next").null().end_object().end_object();
  co_return json_reply(out);
}

Task<Answer> publish_version(Call& call) {
  CARILLON_CO_TRY(const std::int64_t version, version_arg(call));
  CARILLON_CO_TRY(auto head, co_await load_head(call));
  if (!head) co_return std::unexpected(no_template(call));
  CARILLON_CO_TRY(const auto t, co_await load_version(call, version));
  head->published = version;
  CARILLON_CO_CHECK(co_await store_head(call, *head));
  base::JsonWriter out(4096);
  write_template(out, *t, version);
  co_return json_reply(out);
}

// Versions stay, because what was sent with them is still shown.
Task<Answer> delete_template(Call& call) {
  CARILLON_CO_TRY(auto head, co_await load_head(call));
  if (!head) co_return std::unexpected(no_template(call));
  head->published = 0;
  head->is_deleted = true;
  CARILLON_CO_CHECK(co_await store_head(call, *head));
  co_return no_content();
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
    CARILLON_CO_TRY(const Head head, read_head(row));
    if (head.is_deleted) continue;
    out.object().field("key", row.key.key).field("version", head.latest).key("published");
    head.published != 0 ? out.value(head.published) : out.null();
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
  std::optional<Cursor> next;
  if (rows.size() == paging.limit) next = Cursor{0, rows.back().key.key};
  write_page(out, call, paging, next);
  co_return json_reply(out);
}

// ---- preview
struct PreviewRequest {
  std::vector<model::Channel> channels;
  std::string params, locale;
  std::int64_t version = 0;
};

std::expected<PreviewRequest, Failure> read_preview(const Call& call) {
  const auto root =
      parse_body(call.request.body.empty() ? std::string_view("{}") : std::string_view(call.request.body));
  if (!root) return std::unexpected(root.error());
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  PreviewRequest wanted;
  std::string channel;
  if (reader.text("channel", channel, 16)) {
    if (const auto parsed = model::parse_channel(channel)) {
      wanted.channels.push_back(*parsed);
    } else {
      reader.problem("channel", "invalid_channel", "use push, sms, email, voice, chat, webhook or inbox");
    }
  }
  reader.json_object("params", wanted.params, model::kRequestMax);
  reader.text("locale", wanted.locale, 35);
  reader.integer("version", wanted.version, 1, kVersionsMax);
  reader.done();
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return wanted;
}

// Parameters that are not given are their samples.
std::string with_samples(const model::Template& t, const std::string& params) {
  base::JsonDocument document;
  const auto root = document.parse(params.empty() ? std::string_view("{}") : std::string_view(params));
  base::JsonWriter out;
  out.object();
  base::JsonElement found;
  for (const auto& p : t.params) {
    const bool is_given = root && (*root)[p.name].get(found) == simdjson::SUCCESS;
    if (!is_given && !p.sample_json.empty()) out.key(p.name).raw(p.sample_json);
  }
  base::JsonObject object;
  if (root && root->get_object().get(object) == simdjson::SUCCESS) {
    for (const auto [key, value] : object) out.key(key).element(value);
  }
  out.end_object();
  return out.str();
}

std::vector<model::Channel> covered_channels(const model::Template& t) {
  if (!t.channels.empty()) return t.channels;
  std::vector<model::Channel> channels;
  const auto it = t.content.find(t.default_locale);
  for (std::size_t i = 0; it != t.content.end() && i < model::kChannelCount; ++i) {
    if (it->second.covers(static_cast<model::Channel>(i))) channels.push_back(static_cast<model::Channel>(i));
  }
  return channels;
}

Task<Answer> preview(Call& call) {
  CARILLON_CO_TRY(PreviewRequest wanted, read_preview(call));
  CARILLON_CO_TRY(const auto head, co_await load_head(call));
  if (!head) co_return std::unexpected(no_template(call));
  const std::int64_t current = head->published != 0 ? head->published : head->latest;
  CARILLON_CO_TRY(const auto t, co_await load_version(call, wanted.version != 0 ? wanted.version : current));
  CARILLON_CO_TRY(const auto compiled, model::CompiledTemplate::compile(t));
  const std::string params = with_samples(*t, wanted.params);
  base::Problems problems;
  model::check_params(*t, params, {}, "/params", problems);
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  if (wanted.channels.empty()) wanted.channels = covered_channels(*t);
  base::JsonWriter out(4096);
  out.object().field("key", t->key).field("version", t->version).key("content").object();
  for (const auto channel : wanted.channels) {
    model::CompiledTemplate::Input input;
    input.channel = channel;
    input.params = params;
    if (!wanted.locale.empty()) input.locales.push_back(wanted.locale);
    const auto message = compiled->render(input);
    if (!message) co_return failed_at("/params", "invalid_parameter", message.error().message);
    out.key(model::name(channel));
    model::write_message(out, *message, channel);
  }
  out.end_object().end_object();
  co_return json_reply(out);
}

constexpr Route content_route(std::string_view method, std::string_view pattern, Access access,
                              Handler handler, std::string_view summary, std::string_view request,
                              std::string_view response, std::string_view query = {}, int status = 200) {
  return {.method = method,
          .pattern = pattern,
          .access = access,
          .handler = handler,
          .tag = "Templates",
          .summary = summary,
          .request = request,
          .response = response,
          .status = status,
          .query = query,
          .body_max = kTemplateMax};
}

}  // namespace

std::span<const Route> template_routes() {
  static constexpr Access kRead = allow(kScopeAny, "templates");
  static constexpr Access kWrite = manage("templates");
  static const Route kRoutes[] = {
      content_route("GET", "/v1/templates", kRead, list_templates, "List templates", {}, "TemplateList",
                    "limit after"),
      content_route("PUT", "/v1/templates/{key}", kWrite, put_template,
                    "Store the next version; publish=false keeps it a draft", "Template", "Template",
                    "publish"),
      content_route("GET", "/v1/templates/{key}", kRead, get_template,
                    "The published version, else the newest", {}, "Template"),
      content_route("DELETE", "/v1/templates/{key}", kWrite, delete_template,
                    "Take it out of use; versions stay", {}, {}, {}, 204),
      content_route("GET", "/v1/templates/{key}/versions", kRead, list_versions, "The versions, newest first",
                    {}, "TemplateVersionList"),
      content_route("GET", "/v1/templates/{key}/versions/{n}", kRead, get_version, "One version", {},
                    "Template"),
      content_route("POST", "/v1/templates/{key}/versions/{n}/publish", kWrite, publish_version,
                    "Use this version from now on", {}, "Template"),
      content_route("POST", "/v1/templates/{key}/preview", kRead, preview,
                    "What it says with these parameters", "PreviewRequest", "Preview"),
  };
  return kRoutes;
}

}  // namespace carillon::api
