// What a template says, and what one version changed of another.
#include <algorithm>
#include <initializer_list>

#include "api/templates.h"
#include "model/address.h"
#include "model/changes.h"
#include "model/decision.h"
#include "pipeline/render.h"

namespace carillon::api {
namespace {

constexpr std::size_t kLocalesMax = 50;  // shown in one preview
constexpr std::size_t kLocaleMax = 35;   // bytes
constexpr std::size_t kZoneMax = 64;

struct PreviewRequest {
  std::vector<model::Channel> channels;
  std::string params, locale, time_zone, user_id;
  std::vector<std::string> locales;
  std::int64_t version = 0;
};

void check_locales(base::ObjectReader& reader, const PreviewRequest& wanted) {
  constexpr std::string_view kAdvice = "use a BCP 47 language tag such as en or ko-KR";
  if (!wanted.locale.empty() && !model::is_locale(wanted.locale))
    reader.problem("locale", "invalid_locale", std::string(kAdvice));
  for (std::size_t i = 0; i < wanted.locales.size(); ++i) {
    const std::string& tag = wanted.locales[i];
    const bool is_all = tag == "*" && wanted.locales.size() == 1;
    if (is_all || model::is_locale(tag)) continue;
    reader.problems().push_back({fmt::format("{}/{}", reader.pointer("locales"), i), "invalid_locale",
                                 fmt::format("{}, or [\"*\"] for all of the template", kAdvice)});
  }
}

// With which values, and for whom.
void read_values(base::ObjectReader& reader, PreviewRequest& wanted) {
  reader.json_object("params", wanted.params, model::kRequestMax);
  reader.text("locale", wanted.locale, kLocaleMax);
  reader.texts("locales", wanted.locales, kLocalesMax, kLocaleMax);
  check_locales(reader, wanted);
  if (reader.text("time_zone", wanted.time_zone, kZoneMax) && !model::is_time_zone(wanted.time_zone)) {
    reader.problem("time_zone", "invalid_time_zone", "use a name of the IANA database, as Asia/Seoul");
  }
  reader.id_text("user_id", wanted.user_id, model::kUserIdMax);
}

void read_version_of(base::ObjectReader& reader, PreviewRequest& wanted) {
  reader.integer("version", wanted.version, 1, pipeline::kVersionsMax);
}

void read_channel_of(base::ObjectReader& reader, PreviewRequest& wanted) {
  std::string channel;
  if (!reader.text("channel", channel, 16)) return;
  if (const auto parsed = model::parse_channel(channel)) {
    wanted.channels.push_back(*parsed);
  } else {
    reader.problem("channel", "invalid_channel", "use push, sms, email, voice, chat, webhook or inbox");
  }
}

std::expected<PreviewRequest, Failure> read_preview(const Call& call) {
  const auto root =
      parse_body(call.request.body.empty() ? std::string_view("{}") : std::string_view(call.request.body));
  if (!root) return std::unexpected(root.error());
  base::Problems problems;
  base::ObjectReader reader(*root, "", problems);
  PreviewRequest wanted;
  read_channel_of(reader, wanted);
  read_values(reader, wanted);
  read_version_of(reader, wanted);
  reader.done();
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return wanted;
}

// A layout as it is being written, and what it is to frame.
struct LayoutPreviewRequest {
  PreviewRequest values;
  std::shared_ptr<const model::Layout> layout;
  std::string template_key;  // empty: an example
};

// Its key, which it has when it is a stored one that is changed, says nothing here.
std::string_view key_in(base::JsonElement element, std::string_view fallback) {
  std::string_view key;
  return element.is_object() && element["key"].get_string().get(key) == simdjson::SUCCESS ? key : fallback;
}

// What is wrong with a part of the body, said of the whole.
void complain(base::Problems found, std::string_view where, base::Problems& problems) {
  for (base::Problem& problem : found) {
    problem.pointer.insert(0, where);
    problems.push_back(std::move(problem));
  }
}

std::shared_ptr<const model::Layout> read_unsaved(base::JsonElement element, base::Problems& problems) {
  base::Problems found;
  auto layout =
      std::make_shared<model::Layout>(model::read_layout(element, key_in(element, "layout"), found));
  layout->version = 0;
  complain(std::move(found), "/layout", problems);
  return layout;
}

// A template as it is being written, and the layout that may be being written too.
struct UnsavedRequest {
  PreviewRequest values;
  std::shared_ptr<const model::Template> tmpl;
  std::shared_ptr<const model::Layout> layout;  // null: the stored one that the template names
};

std::shared_ptr<const model::Template> read_unsaved_template(const Call& call, base::JsonElement element,
                                                             bool has_layout, base::Problems& problems) {
  base::Problems found;
  auto t =
      std::make_shared<model::Template>(model::read_template(element, key_in(element, "template"), found));
  t->version = 0;
  const bool is_known = t->category.empty() || call.view().categories.contains(t->category);
  if (!is_known)
    found.push_back({"/category", "unknown_category", fmt::format("there is no category '{}'", t->category)});
  const auto head = call.view().layouts.find(t->layout);
  const bool is_there = head != call.view().layouts.end() && !head->second.is_deleted;
  if (!has_layout && !t->layout.empty() && !is_there)
    found.push_back({"/layout", "unknown_layout", fmt::format("there is no layout '{}'", t->layout)});
  complain(std::move(found), "/template", problems);
  return t;
}

std::expected<UnsavedRequest, Failure> read_unsaved_request(const Call& call) {
  CARILLON_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  UnsavedRequest wanted;
  reader.require("template");
  const auto layout = reader.element("layout");
  if (layout) wanted.layout = read_unsaved(*layout, problems);
  if (const auto element = reader.element("template"))
    wanted.tmpl = read_unsaved_template(call, *element, layout.has_value(), problems);
  read_channel_of(reader, wanted.values);
  read_values(reader, wanted.values);
  reader.done();
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return wanted;
}

std::expected<LayoutPreviewRequest, Failure> read_layout_preview(const Call& call) {
  CARILLON_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  LayoutPreviewRequest wanted;
  wanted.values.channels.push_back(model::Channel::Email);
  reader.require("layout");
  if (const auto element = reader.element("layout")) wanted.layout = read_unsaved(*element, problems);
  reader.text("template", wanted.template_key, 64);
  read_values(reader, wanted.values);
  read_version_of(reader, wanted.values);
  reader.done();
  if (!problems.empty()) return std::unexpected(Failure(std::move(problems)));
  return wanted;
}

// What a layout frames that is looked at without a template.
std::shared_ptr<const model::Template> example_template() {
  auto t = std::make_shared<model::Template>();
  t->key = "example";
  const auto say = [&t](const char* locale, const char* subject, std::initializer_list<const char*> lines) {
    model::Content content;
    content.title = subject;
    auto& email = content.email.emplace();
    for (const char* line : lines) {
      email.html += fmt::format("<p>{}</p>", line);
      email.text += fmt::format("{}{}", email.text.empty() ? "" : "\n\n", line);
    }
    t->content.emplace(locale, std::move(content));
  };
  say("en", "Your order is on its way",
      {"Hello,", "this is where the text of an e-mail stands.", "Thank you for your order."});
  say("ko", "주문하신 상품이 출발했습니다",
      {"안녕하세요.", "이 자리에 메일 내용이 들어갑니다.", "주문해 주셔서 감사합니다."});
  return t;
}

// Parameters that are not given are their samples; those fed from a user stay with the user.
std::string with_samples(const model::Template& t, const std::string& params, bool has_user) {
  base::JsonDocument document;
  const auto root = document.parse(params.empty() ? std::string_view("{}") : std::string_view(params));
  base::JsonWriter out;
  out.object();
  base::JsonElement found;
  for (const auto& p : t.params) {
    const bool is_given = root && (*root)[p.name].get(found) == simdjson::SUCCESS;
    const bool is_fed = has_user && !p.from.empty();
    if (!is_given && !is_fed && !p.sample_json.empty()) out.key(p.name).raw(p.sample_json);
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

// The published version of the template's layout, else its newest.
Task<Result<std::shared_ptr<const model::Layout>>> layout_now(Call& call, const model::Template& t) {
  const auto head = call.view().layouts.find(t.layout);
  if (t.layout.empty() || head == call.view().layouts.end()) co_return nullptr;
  const std::int64_t version = head->second.published != 0 ? head->second.published : head->second.latest;
  std::string key = t.layout;
  co_return co_await call.deps.directory.layout_version(call.who.project, std::move(key), version);
}

Task<std::expected<std::shared_ptr<const model::Profile>, Failure>> load_user(Call& call,
                                                                              std::string user_id) {
  if (user_id.empty()) co_return nullptr;
  std::vector<store::UserKey> keys{{call.who.project, user_id}};
  CARILLON_CO_TRY(auto found, co_await call.deps.store.profiles(std::move(keys)));
  if (!found.front()) {
    co_return failed_at("/user_id", "unknown_user", fmt::format("there is no user '{}'", user_id));
  }
  co_return std::move(found.front());
}

// All that one preview is made of.
struct Shown {
  const PreviewRequest& wanted;
  const model::CompiledTemplate& compiled;
  const model::Profile* profile = nullptr;
  const pipeline::ProjectView& view;
  std::string params;
  std::string preferences_link, unsubscribe_link;  // what they look like; they lead nowhere
};

std::expected<void, Failure> write_channels(base::JsonWriter& out, const Shown& shown,
                                            const std::string& locale) {
  out.object();
  for (const auto channel : shown.wanted.channels) {
    model::CompiledTemplate::Input input;
    input.channel = channel;
    input.params = shown.params;
    input.time_zone = shown.wanted.time_zone;
    if (!locale.empty()) input.locales.push_back(input.own_locale = locale);
    if (shown.profile != nullptr) pipeline::speak_to(input, *shown.profile, nullptr);
    pipeline::speak_for(input, shown.view);
    input.preferences_link = shown.preferences_link;
    input.unsubscribe_link = shown.unsubscribe_link;
    const auto message = shown.compiled.render(input);
    if (!message) return failed_at("/params", "invalid_parameter", message.error().message);
    out.key(model::name(channel));
    model::write_message(out, *message, channel);
  }
  out.end_object();
  return {};
}

std::expected<Reply, Failure> write_preview(const Shown& shown, const model::Template& t,
                                            const model::Layout* layout) {
  base::JsonWriter out(4096);
  out.object().field("key", t.key).field("version", t.version);
  if (layout != nullptr) {
    out.key("layout").object().field("key", layout->key).field("version", layout->version).end_object();
  }
  out.key("content");
  CARILLON_CHECK(write_channels(out, shown, shown.wanted.locale));
  if (!shown.wanted.locales.empty()) {
    std::vector<std::string> locales = shown.wanted.locales;
    if (locales.front() == "*") {
      locales.clear();
      for (const auto& [locale, content] : t.content) locales.push_back(locale);
    }
    out.key("locales").object();
    for (const std::string& locale : locales) {
      out.key(locale);
      CARILLON_CHECK(write_channels(out, shown, locale));
    }
    out.end_object();
  }
  out.end_object();
  return json_reply(out);
}

std::string neutral_json(const model::Template& t) {
  model::Template shown = t;
  shown.version = 0;
  shown.is_published = false;
  base::JsonWriter out(4096);
  model::write_template(out, shown);
  return out.str();
}

void write_change(base::JsonWriter& out, const model::Change& change) {
  out.object().field("pointer", change.pointer);
  change.before.empty() ? out.key("before").null() : out.key("before").raw(change.before);
  change.after.empty() ? out.key("after").null() : out.key("after").raw(change.after);
  out.field_if("diff", change.diff).end_object();
}

// Links to this server, as they will look.
std::string link_base(const Call& call) {
  return call.options.public_url.empty() ? call.deps.listen_url() : call.options.public_url;
}

// The template a layout is to frame. Failures: 422.
Task<std::expected<std::shared_ptr<const model::Template>, Failure>> framed_template(
    Call& call, const LayoutPreviewRequest& wanted) {
  if (wanted.template_key.empty()) co_return example_template();
  call.args[0] = wanted.template_key;
  const auto missing = [&call] {
    return failed_at("/template", "unknown_template",
                     fmt::format("there is no template '{}' of that version", call.args[0]));
  };
  const auto head = co_await load_template_head(call);
  if (!head && head.error().status == 404) co_return missing();
  CARILLON_CO_CHECK(head);
  const std::int64_t current = head->published != 0 ? head->published : head->latest;
  auto found =
      co_await load_template_version(call, wanted.values.version != 0 ? wanted.values.version : current);
  if (!found && found.error().status == 404) co_return missing();
  CARILLON_CO_CHECK(found);
  const auto content = (*found)->content.find((*found)->default_locale);
  if (content == (*found)->content.end() || !content->second.covers(model::Channel::Email))
    co_return failed_at("/template", "missing_content", "this template says nothing by e-mail");
  co_return std::move(*found);
}

// What `t` says in `layout` with the values that were given.
Task<Answer> show(Call& call, PreviewRequest wanted, std::shared_ptr<const model::Template> t,
                  std::shared_ptr<const model::Layout> layout) {
  CARILLON_CO_TRY(const auto compiled, model::CompiledTemplate::compile(t, layout));
  CARILLON_CO_TRY(const auto profile, co_await load_user(call, wanted.user_id));
  std::string params = with_samples(*t, wanted.params, profile != nullptr);
  base::Problems problems;
  model::check_params(*t, params, {}, "/params", problems);
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  if (wanted.channels.empty()) wanted.channels = covered_channels(*t);
  const std::string base = link_base(call);
  const Shown shown{wanted,
                    *compiled,
                    profile.get(),
                    call.view(),
                    std::move(params),
                    base + "/p/example",
                    base + "/u/example"};
  co_return write_preview(shown, *t, layout.get());
}

}  // namespace

Task<Answer> preview_template(Call& call) {
  CARILLON_CO_TRY(PreviewRequest wanted, read_preview(call));
  CARILLON_CO_TRY(const auto head, co_await load_template_head(call));
  const std::int64_t current = head.published != 0 ? head.published : head.latest;
  CARILLON_CO_TRY(const auto t,
                  co_await load_template_version(call, wanted.version != 0 ? wanted.version : current));
  CARILLON_CO_TRY(auto layout, co_await layout_now(call, *t));
  co_return co_await show(call, std::move(wanted), t, std::move(layout));
}

Task<Answer> preview_unsaved(Call& call) {
  CARILLON_CO_TRY(UnsavedRequest wanted, read_unsaved_request(call));
  if (!wanted.layout) { CARILLON_CO_TRY(wanted.layout, co_await layout_now(call, *wanted.tmpl)); }
  co_return co_await show(call, std::move(wanted.values), std::move(wanted.tmpl), std::move(wanted.layout));
}

Task<Answer> preview_layout(Call& call) {
  CARILLON_CO_TRY(LayoutPreviewRequest wanted, read_layout_preview(call));
  CARILLON_CO_TRY(auto t, co_await framed_template(call, wanted));
  co_return co_await show(call, std::move(wanted.values), std::move(t), std::move(wanted.layout));
}

Task<Answer> diff_template(Call& call) {
  CARILLON_CO_TRY(const std::int64_t version, read_version(call.args[1]));
  std::int64_t against = version - 1;
  if (call.has_param("against")) { CARILLON_CO_TRY(against, read_version(call.param("against"))); }
  if (against == 0) {
    co_return failed_at("?against", "required", "version 1 is the first; say which one to compare it with");
  }
  CARILLON_CO_TRY([[maybe_unused]] const auto head, co_await load_template_head(call));
  CARILLON_CO_TRY(const auto after, co_await load_template_version(call, version));
  CARILLON_CO_TRY(const auto before, co_await load_template_version(call, against));
  base::JsonDocument documents[2];
  const std::string texts[2] = {neutral_json(*before), neutral_json(*after)};
  CARILLON_CO_TRY(const auto old_root, documents[0].parse(texts[0]));
  CARILLON_CO_TRY(const auto new_root, documents[1].parse(texts[1]));
  base::JsonWriter out(4096);
  out.object().field("key", after->key).field("version", version).field("against", against);
  out.key("changes").array();
  for (const auto& change : model::changes_between(old_root, new_root)) write_change(out, change);
  out.end_array().end_object();
  co_return json_reply(out);
}

}  // namespace carillon::api
