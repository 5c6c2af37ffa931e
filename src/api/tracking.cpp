// What recipients do with a message: they open it, follow a link, say no. Links carry a MAC
// (model/public_link.h), so nothing can be named that was not sent; whatever goes wrong here, the reader
// still arrives.
#include "api/tracking.h"

#include <algorithm>
#include <iterator>

#include "api/pages.h"
#include "api/recipient_words.h"
#include "api/router.h"
#include "base/log.h"
#include "model/public_link.h"
#include "model/tracking.h"

namespace carillon::api {
namespace {

using model::ReceiptKind;

constexpr std::size_t kEventsMax = 100;  // of one POST /v1/track
constexpr int kTriesMax = 4;
// A transparent GIF of one pixel.
constexpr std::string_view kPixel(
    "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00"
    "\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00;",
    43);

Task<Result<model::Delivery>> find_delivery(Call& call, std::int64_t id) {
  CARILLON_CO_TRY(auto detail, co_await call.deps.store.delivery(id));
  co_return std::move(detail.delivery);
}

store::ReceiptItem receipt_of(const model::Delivery& delivery, ReceiptKind kind, Time at) {
  store::ReceiptItem item;
  item.project = delivery.project;
  item.receipt.kind = kind;
  item.receipt.delivery = delivery.id;
  item.receipt.at = at;
  return item;
}

// Who follows a link of a mail has opened it, also where images are blocked.
Task<void> keep(Call& call, std::int64_t id, ReceiptKind kind) {
  const auto delivery = co_await find_delivery(call, id);
  if (!delivery) co_return;  // past its retention
  std::vector<store::ReceiptItem> items = {receipt_of(*delivery, kind, call.now)};
  const bool is_mail = delivery->channel() == model::Channel::Email;
  if (kind == ReceiptKind::Clicked && is_mail) {
    items.push_back(receipt_of(*delivery, ReceiptKind::Opened, call.now));
  }
  const auto kept = co_await call.deps.store.receipts().add(std::move(items), call.now);
  if (!kept) base::log_warn("what a recipient did is not kept: {}", kept.error().message);
}

// A HEAD is a scanner's or a preview's, not the reader's.
bool is_reader(const Call& call) { return call.request.method != "HEAD"; }

Task<Answer> open(Call& call) {
  const auto delivery = model::read_open_token(call.args[0], call.deps.keys.link_key);
  if (!delivery) co_return std::unexpected(not_found("such link"));
  if (is_reader(call)) co_await keep(call, *delivery, ReceiptKind::Opened);
  Reply reply;
  reply.content_type = "image/gif";
  reply.body = kPixel;
  co_return uncached(std::move(reply));
}

// The link of a text message whose hash that is, as the message would say it now.
Task<std::string> find_link(Call& call, model::ShortLink link) {
  if (call.deps.pipeline == nullptr) co_return std::string();
  const auto message = co_await call.deps.pipeline->rendered(link.delivery);
  if (!message) co_return std::string();
  for (const std::string_view url : model::links_in_text(message->body)) {
    if (model::hash_of_url(url, call.deps.keys.link_key) == link.url_hash) co_return std::string(url);
  }
  co_return std::string();
}

// What a mail program would make of a link as it stands in a mail: a header takes no spaces and no other than
// ASCII (RFC 9110 §10.2.2, RFC 3986 §2). Escapes that are there stay.
std::string location_of(std::string_view url) {
  constexpr std::string_view kNever = "\"<>\\^`{|}";
  std::string out;
  out.reserve(url.size());
  for (const char c : url) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || kNever.contains(c)) {
      fmt::format_to(std::back_inserter(out), "%{:02X}", byte);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

Task<Answer> click(Call& call) {
  const auto& key = call.deps.keys.link_key;
  std::string url(call.param("u"));
  std::optional<std::int64_t> delivery;
  if (!url.empty()) {
    delivery = model::read_click_token(call.args[0], url, key);
  } else if (const auto link = model::read_short_click_token(call.args[0], key)) {
    url = co_await find_link(call, *link);
    if (!url.empty()) delivery = link->delivery;
  }
  if (!delivery) {
    Reply gone = html_reply({"Link", "<h1>This link does not work any more.</h1>", {}});
    gone.status = 404;
    co_return uncached(std::move(gone));
  }
  if (is_reader(call)) co_await keep(call, *delivery, ReceiptKind::Clicked);
  Reply reply;
  reply.status = 302;
  reply.content_type = "text/plain; charset=utf-8";
  reply.headers.emplace_back("Location", location_of(url));
  co_return uncached(std::move(reply));
}

// ---- unsubscribing
struct Words {
  std::string_view language, title, question, button, done, gone;
};
constexpr Words kEnglish{"en",
                         "Unsubscribe",
                         "Do you want no more messages of this kind: <strong>{}</strong>?",
                         "Unsubscribe",
                         "You will get no more messages of this kind: <strong>{}</strong>.",
                         "This link is not one of ours."};
constexpr Words kKorean{"ko",
                        "수신 거부",
                        "다음 종류의 메시지를 더 이상 받지 않으시겠습니까? <strong>{}</strong>",
                        "수신 거부",
                        "다음 종류의 메시지를 더 이상 보내지 않습니다. <strong>{}</strong>",
                        "이 서버의 링크가 아닙니다."};

const Words& words_for(const Call& call) {
  const bool is_korean = page_language({}, call.request.header("Accept-Language")) == kKorean.language;
  return is_korean ? kKorean : kEnglish;
}

// The category's name in the reader's language; its key when it is gone or has none.
std::string category_name(const Call& call, const model::Unsubscription& what, const Words& words) {
  const auto* const view = call.snapshot->project(what.project);
  if (view == nullptr) return what.category;
  const auto found = view->categories.find(what.category);
  return found == view->categories.end() ? what.category : shown_name(*found->second, words.language);
}

Page unsubscribe_page(const Words& words, std::string body) {
  Page page{std::string(words.title), "<main>" + std::move(body) + "</main>", {}};
  page.has_form = true;
  page.language = words.language;
  return page;
}

Task<Answer> ask_unsubscribe(Call& call) {
  const Words& words = words_for(call);
  const auto what = model::read_unsubscribe_token(call.args[0], call.deps.keys.link_key);
  if (!what) {
    Reply gone = html_reply(unsubscribe_page(words, fmt::format("<h1>{}</h1>", words.gone)));
    gone.status = 404;
    co_return uncached(std::move(gone));
  }
  const std::string name = escape_html(category_name(call, *what, words));
  co_return uncached(html_reply(unsubscribe_page(
      words, fmt::format("<h1>{}</h1><p>{}</p><form method=\"post\"><button>{}</button></form>", words.title,
                         fmt::format(fmt::runtime(words.question), name), words.button))));
}

// Nothing when the user is gone: there is nobody to write to.
Task<Result<void>> opt_out(Call& call, const model::Unsubscription& what) {
  for (int tries = 1;; ++tries) {
    CARILLON_CO_TRY(const auto found, co_await call.deps.store.profiles({{what.project, what.user_id}}));
    if (!found.at(0)) co_return Result<void>{};
    model::Profile profile = *found[0];
    const model::Preference no{std::string(model::name(what.channel)), what.category, false};
    std::erase_if(profile.preferences, [&no](const model::Preference& p) {
      return p.channel == no.channel && p.category == no.category;
    });
    profile.preferences.push_back(no);
    store::ProfileChange note;
    note.actor = store::Actor("recipient", call.request_id, call.peer);
    note.source = "unsubscribe";
    note.is_preference_change = true;
    note.is_audited = false;
    const auto written = co_await call.deps.store.put_profile(std::move(profile), std::move(note), call.now);
    if (written) co_return Result<void>{};
    if (written.error().code != Errc::Conflict || tries == kTriesMax)
      co_return std::unexpected(written.error());
  }
}

Task<Result<void>> suppress(Call& call, const model::Unsubscription& what) {
  store::Suppression suppression;
  suppression.project = what.project;
  suppression.channel = what.channel;
  std::ranges::copy_n(what.address_hash.begin(), static_cast<std::ptrdiff_t>(suppression.hash.size()),
                      reinterpret_cast<char*>(suppression.hash.data()));
  suppression.hint = "…";
  suppression.reason = "stop";
  return call.deps.store.put_suppression(std::move(suppression), false,
                                         store::Actor("recipient", call.request_id, call.peer), call.now);
}

// By the page's button, or by a mail program at once (RFC 8058 §3.2): whoever has the mail may say no.
Task<Answer> unsubscribe(Call& call) {
  const Words& words = words_for(call);
  const auto what = model::read_unsubscribe_token(call.args[0], call.deps.keys.link_key);
  const bool is_whole =
      what && (!what->user_id.empty() || what->address_hash.size() == sizeof(base::Hash128));
  if (!is_whole) co_return std::unexpected(not_found("such link"));
  if (what->user_id.empty()) {
    CARILLON_CO_CHECK(co_await suppress(call, *what));
  } else {
    CARILLON_CO_CHECK(co_await opt_out(call, *what));
  }
  co_await keep(call, what->delivery, ReceiptKind::Unsubscribed);
  const std::string name = escape_html(category_name(call, *what, words));
  co_return uncached(html_reply(unsubscribe_page(
      words, fmt::format("<h1>{}</h1><p>{}</p>", words.title, fmt::format(fmt::runtime(words.done), name)))));
}

}  // namespace

Task<void> note_unsubscribed(Call& call, std::int64_t id, std::string category) {
  const auto delivery = co_await find_delivery(call, id);
  if (!delivery) co_return;  // past its retention
  std::vector<std::int64_t> ids{delivery->notification};
  const auto found = co_await call.deps.store.notifications(std::move(ids));
  if (!found || !found->front() || (category != "*" && found->front()->category != category)) co_return;
  co_await keep(call, id, ReceiptKind::Unsubscribed);
}

namespace {

// ---- what apps and pages report of themselves
struct Reported {
  std::int64_t delivery = 0;
  ReceiptKind kind = ReceiptKind::Opened;
  Time at{};
};

std::optional<Reported> read_event(base::ObjectReader& reader, Time now) {
  Reported event{.at = now};
  std::string id;
  std::string type;
  reader.require("delivery_id");
  reader.require("type");
  reader.text("delivery_id", id, 64);
  reader.text("type", type, 32);
  reader.time("at", event.at);
  reader.done();
  const auto kind = model::parse_receipt_kind(type);
  const bool is_theirs =
      kind == ReceiptKind::Opened || kind == ReceiptKind::Clicked || kind == ReceiptKind::Converted;
  if (!type.empty() && !is_theirs) {
    reader.problem("type", "invalid_choice", "use opened, clicked or converted");
  }
  const auto delivery = base::parse_id(base::kDeliveryPrefix, id);
  if (!is_theirs || !delivery) return std::nullopt;  // an id of nobody is as one of somebody else
  event.delivery = *delivery;
  event.kind = *kind;
  event.at = std::min(event.at, now);
  return event;
}

Task<Answer> track(Call& call) {
  CARILLON_CO_TRY(const auto root, parse_body(call.request.body));
  base::Problems problems;
  base::ObjectReader reader(root, "", problems);
  reader.require("events");
  std::vector<Reported> events;
  std::size_t given = 0;
  reader.array("events", kEventsMax, [&](base::JsonElement element, const std::string& pointer) {
    ++given;
    base::ObjectReader each(element, pointer, problems);
    if (auto event = read_event(each, call.now)) events.push_back(*event);
  });
  reader.done();
  if (!problems.empty()) co_return std::unexpected(Failure(std::move(problems)));
  std::vector<store::ReceiptItem> items;
  for (const Reported& event : events) {
    const auto delivery = co_await find_delivery(call, event.delivery);
    const bool is_mine =
        delivery && delivery->project == call.who.project && delivery->user_id == call.who.user_id;
    if (is_mine) items.push_back(receipt_of(*delivery, event.kind, event.at));
  }
  const std::size_t kept = items.size();
  if (!items.empty()) CARILLON_CO_CHECK(co_await call.deps.store.receipts().add(std::move(items), call.now));
  base::JsonWriter out;
  out.object().field("recorded", static_cast<std::int64_t>(kept));
  out.field("unknown", static_cast<std::int64_t>(given - kept)).end_object();
  co_return json_reply(out);
}

constexpr Route outside(std::string_view method, std::string_view pattern, Handler handler,
                        std::string_view summary, std::string_view query = {}) {
  return {.method = method,
          .pattern = pattern,
          .access = kOpen,
          .handler = handler,
          .tag = "Recipients",
          .summary = summary,
          .query = query,
          .content_type = "text/html"};
}

constexpr Route pixel_route() {
  Route route = outside("GET", "/t/o/{token}", open, "The pixel of a mail: it was opened");
  route.content_type = "image/gif";
  return route;
}

constexpr Route click_route() {
  Route route = outside("GET", "/t/c/{token}", click, "A link was followed; goes on to where it leads", "u");
  route.status = 302;
  route.content_type = "text/html text/plain";
  return route;
}

constexpr Route own(std::string_view pattern) {
  return {.method = "POST",
          .pattern = pattern,
          .access = client(model::ClientScope::Notifications),
          .handler = track,
          .tag = "Me",
          .summary = "Tell what I opened, clicked or bought of what I was sent",
          .request = "Track",
          .response = "TrackAnswer"};
}

}  // namespace

std::span<const Route> tracking_routes() {
  static const Route kRoutes[] = {
      pixel_route(),
      click_route(),
      // Mail programs and campaigns add to links.
      outside("GET", "/u/{token}", ask_unsubscribe, "The page that asks before it unsubscribes", kAnyQuery),
      outside("POST", "/u/{token}", unsubscribe, "Unsubscribe, also at once (RFC 8058)", kAnyQuery),
      own("/v1/track"),
      own("/v1/me/track"),
  };
  return kRoutes;
}

}  // namespace carillon::api
