#include "pipeline/erase.h"

#include <algorithm>
#include <map>

#include "base/failpoint.h"
#include "model/record.h"
#include "pipeline/sensitive.h"

namespace carillon::pipeline {
namespace {

constexpr std::size_t kPage = 100;      // deliveries of one step
constexpr std::size_t kNamedPage = 50;  // notifications and letters of one step
constexpr std::string_view kErased = "(erased)";
// How long a page waits for those of it that a provider is being asked for.
constexpr auto kLookAgain = std::chrono::milliseconds(100);
constexpr int kLooksMax = 300;
// StoredJob::line: what the cursor goes through.
constexpr std::int64_t kDeliveries = 0, kNamed = 1;

bool is_about_to_be_sent(const model::Delivery& d) { return d.status == model::DeliveryStatus::Processing; }

// Nothing to say any more, to as many as before: deliveries point at their entry.
std::string nothing_said(const model::SendRequest& request, std::string_view user_id,
                         const std::vector<model::Channel>& channels) {
  base::JsonWriter out;
  out.object().key("to").array();
  for (std::size_t i = 0; i < request.to.size(); ++i) out.object().field("user_id", user_id).end_object();
  out.end_array();
  if (const auto& took = request.channels.empty() ? channels : request.channels; !took.empty()) {
    out.key("channels").array();
    for (const model::Channel channel : took) out.value(model::name(channel));
    out.end_array();
  }
  out.field("category", request.category);
  out.field("title", kErased).field("body", kErased).end_object();
  return out.str();
}

bool is_bare(base::JsonElement entry) {
  base::JsonObject members;
  if (entry.get(members) != simdjson::SUCCESS) return false;
  std::size_t count = 0;
  bool has_user = false;
  for (const auto [key, value] : members) {
    ++count;
    has_user = has_user || key == "user_id";
  }
  return count == 1 && has_user;
}

// The same request with nothing but the user's id in the entries that are the user's; empty: it is so
// already.
std::string without_entries(std::string_view body, std::string_view user_id,
                            const std::vector<bool>& is_theirs) {
  base::JsonDocument document;
  base::JsonObject request;
  const auto root = document.parse(body);
  if (!root || root->get(request) != simdjson::SUCCESS) return {};
  bool has_changed = false;
  base::JsonWriter out(body.size());
  out.object();
  for (const auto [key, value] : request) {
    out.key(key);
    base::JsonArray entries;
    if (key != "to" || value.get(entries) != simdjson::SUCCESS) {
      out.element(value);
      continue;
    }
    out.array();
    std::size_t i = 0;
    for (const base::JsonElement entry : entries) {
      if (i < is_theirs.size() && is_theirs[i] && !is_bare(entry)) {
        out.object().field("user_id", user_id).end_object();
        has_changed = true;
      } else {
        out.element(entry);
      }
      ++i;
    }
    out.end_array();
  }
  out.end_object();
  std::string changed = out.str();
  return has_changed ? changed : std::string();
}

bool reads_back(const std::string& body) {
  base::JsonDocument document;
  base::Problems problems;
  const auto root = document.parse(body);
  if (root) static_cast<void>(model::read_send_request(*root, std::nullopt, "", problems));
  return root && problems.empty();
}

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

ErasedRequest erased_request(std::string_view body, const model::SendRequest& request,
                             std::string_view user_id, std::span<const std::int32_t> entries,
                             const std::vector<model::Channel>& channels) {
  ErasedRequest erased;
  std::vector<bool> is_theirs(request.to.size());
  for (std::size_t i = 0; i < request.to.size(); ++i) {
    const auto& entry = request.to[i];
    const bool is_device = entry.kind == model::RecipientKind::Device &&
                           std::ranges::find(entries, static_cast<std::int32_t>(i)) != entries.end();
    is_theirs[i] = is_device || (entry.kind == model::RecipientKind::User && entry.id == user_id);
  }
  const auto theirs = std::ranges::count(is_theirs, true);
  if (theirs == 0) return erased;
  erased.is_alone = theirs == static_cast<std::ptrdiff_t>(is_theirs.size());
  erased.body =
      erased.is_alone ? nothing_said(request, user_id, channels) : without_entries(body, user_id, is_theirs);
  // What is stored has to read back.
  if (!erased.body.empty() && !reads_back(erased.body)) erased.body.clear();
  return erased;
}

Task<Result<void>> Eraser::run(const bool& is_stopping) {
  CARILLON_CO_TRY(user_id_, decode_erase_spec(job_.spec));
  while (!is_stopping && !store::is_final(job_.state)) {
    const bool is_of_deliveries = job_.line == kDeliveries;
    Piece piece;
    if (is_of_deliveries) {
      CARILLON_CO_TRY(piece, co_await wipe_deliveries(is_stopping));
    } else {
      CARILLON_CO_TRY(piece, co_await wipe_named());
    }
    CARILLON_FAILPOINT("erase.before_step");
    store::JobStep step;
    step.job = job_.id;
    step.expected_cursor = job_.cursor;
    step.cursor = piece.next;
    step.line = job_.line;
    if (piece.next == 0) {
      step.is_last = !is_of_deliveries;
      step.line = kNamed;
    }
    step.done = piece.wiped;
    step.total = job_.done + piece.wiped;
    CARILLON_CO_TRY(job_, co_await store_.jobs().step(std::move(step), clock_.now()));
  }
  co_return Result<void>{};
}

// ---- deliveries
Task<Result<store::DeliveryPage>> Eraser::settled_page(const bool& is_stopping) {
  for (int looks = 0;; ++looks) {
    store::HistoryFilter filter;
    filter.project = job_.project;
    filter.user_id = user_id_;
    filter.after = job_.cursor;
    filter.limit = kPage;
    CARILLON_CO_TRY(auto page, co_await store_.list_deliveries(std::move(filter)));
    const bool is_settled = std::ranges::none_of(page.rows, is_about_to_be_sent);
    if (is_settled || is_stopping || looks >= kLooksMax) co_return page;
    co_await base::sleep_for(kLookAgain);
  }
}

Task<Result<Eraser::Piece>> Eraser::wipe_deliveries(const bool& is_stopping) {
  struct Found {
    store::WipedNotification wiped;
    std::vector<std::int32_t> entries;
    std::vector<model::Channel> channels;
  };
  CARILLON_CO_TRY(auto page, co_await settled_page(is_stopping));
  std::map<std::int64_t, Found> found;
  std::vector<std::int64_t> ids;
  for (const model::Delivery& d : page.rows) {
    if (d.notification > job_.id) continue;
    const auto [it, is_new] = found.try_emplace(d.notification);
    Found& of = it->second;
    if (is_new) ids.push_back(d.notification);
    of.wiped.id = d.notification;
    of.wiped.deliveries.push_back(d.id);
    of.entries.push_back(d.to_index);
    if (std::ranges::find(of.channels, d.channel()) == of.channels.end()) of.channels.push_back(d.channel());
  }
  Piece piece;
  piece.next = page.next;
  if (ids.empty()) co_return piece;
  CARILLON_CO_TRY(const auto notifications, co_await store_.notifications(std::move(ids)));
  std::vector<store::WipedNotification> wiped;
  for (const auto& n : notifications) {
    if (!n) continue;
    Found& of = found.find(n->id)->second;
    CARILLON_CO_TRY(const bool is_replaced,
                    co_await replace(*n, of.entries, std::move(of.channels), of.wiped));
    // One whose deliveries are on two pages is counted on the first.
    if (is_replaced && n->id != last_) ++piece.wiped;
    wiped.push_back(std::move(of.wiped));
  }
  last_ = page.rows.back().notification;
  if (!wiped.empty())
    CARILLON_CO_CHECK(co_await store_.privacy().wipe_notifications(std::move(wiped), clock_.now()));
  co_return piece;
}

Task<Result<bool>> Eraser::replace(const model::Notification& n, std::span<const std::int32_t> entries,
                                   std::vector<model::Channel> channels, store::WipedNotification& one) {
  if (!n.request) co_return false;  // past its retention
  auto erased = erased_request(n.body, *n.request, user_id_, entries, channels);
  if (erased.body.empty()) co_return false;
  one.expected_body = n.body;
  one.body = std::move(erased.body);
  one.is_erased = erased.is_alone;
  if (!n.is_sensitive || erased.is_alone) co_return true;
  const auto whole = co_await open_sensitive(store_, keys_, n.id);
  if (!whole && whole.error().code == Errc::Unavailable) co_return std::unexpected(whole.error());
  // One that nobody can read any more is no loss.
  if (!whole || !*whole) co_return true;
  auto rest = erased_request((*whole)->body, *(*whole)->request, user_id_, entries, channels);
  const std::string& kept = rest.body.empty() ? (*whole)->body : rest.body;
  one.sealed = keys_.sensitive_sealer.seal(kept, sealed_context(n.id));
  co_return true;
}

// ---- what names the user and has no deliveries
Task<Result<Eraser::Piece>> Eraser::wipe_named() {
  store::NamedQuery query;
  query.user_key = user_key(keys_, job_.project, user_id_);
  if (job_.cursor != 0) query.before = job_.cursor;
  query.limit = kNamedPage;
  CARILLON_CO_TRY(const auto items, co_await store_.privacy().named(query));
  Piece piece;
  for (const store::NamedItem& item : items) {
    bool is_wiped = false;
    if (item.item < store::kLettersBelow) {
      CARILLON_CO_TRY(is_wiped, co_await wipe_letter(item.item));
    } else if (item.item < job_.id) {
      CARILLON_CO_TRY(is_wiped, co_await wipe_unbegun(item, query.user_key));
    }
    if (is_wiped) ++piece.wiped;
  }
  if (items.size() == kNamedPage) piece.next = items.back().item;
  co_return piece;
}

Task<Result<bool>> Eraser::wipe_letter(std::int64_t id) {
  const auto letter = co_await store_.event_letter(id);
  if (!letter) {
    if (letter.error().code != Errc::NotFound) co_return std::unexpected(letter.error());
    co_return co_await wipe_record(id);
  }
  if (letter->at > job_.created_at) co_return false;
  const auto event = open_event(keys_, *letter);
  std::string rest = event ? event_rest(*event) : std::string();
  if (rest.empty()) rest = "{}";
  CARILLON_CO_CHECK(co_await store_.privacy().erase_event_letter(id, std::move(rest)));
  co_return true;
}

Task<Result<bool>> Eraser::wipe_record(std::int64_t id) {
  const auto letter = co_await store_.ingest().get(id);
  if (!letter) {
    if (letter.error().code == Errc::NotFound) co_return false;
    co_return std::unexpected(letter.error());
  }
  if (letter->at > job_.created_at) co_return false;
  CARILLON_CO_CHECK(co_await store_.ingest().erase(id));
  co_return true;
}

Task<Result<bool>> Eraser::wipe_unbegun(const store::NamedItem& item, std::int64_t user_key) {
  std::vector<std::int64_t> ids{item.item};
  CARILLON_CO_TRY(const auto found, co_await store_.notifications(std::move(ids)));
  const auto& n = found.front();
  store::WipedNotification one;
  one.id = item.item;
  one.user_key = user_key;
  bool is_replaced = false;
  if (n) { CARILLON_CO_TRY(is_replaced, co_await replace(*n, item.entries, {}, one)); }
  // There is nobody left to send it to, also if the user comes back.
  using model::NotificationStatus;
  const bool is_waiting =
      n && (n->status == NotificationStatus::Draft || n->status == NotificationStatus::AwaitingApproval ||
            n->status == NotificationStatus::Scheduled);
  if (is_waiting && one.is_erased) CARILLON_CO_CHECK(co_await store_.cancel(n->id, job_.actor, clock_.now()));
  std::vector<store::WipedNotification> wiped;
  wiped.push_back(std::move(one));
  CARILLON_CO_CHECK(co_await store_.privacy().wipe_notifications(std::move(wiped), clock_.now()));
  co_return is_replaced;
}

}  // namespace carillon::pipeline
