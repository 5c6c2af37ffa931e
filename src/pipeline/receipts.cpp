#include "pipeline/receipts.h"

#include <algorithm>

#include "model/address.h"
#include "pipeline/route.h"

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::ReceiptKind;

constexpr Millis kCallbackTimeout{10'000};
constexpr std::size_t kReceiptsMax = 10'000;  // of one callback
constexpr std::size_t kPiece = 1'000;         // stored in one transaction
constexpr int kTriesMax = 4;                  // of one profile that others change too
constexpr std::size_t kPeoplePage = 200;      // with the same number, in one read
constexpr auto kWishesRemembered = Millis(90LL * 86'400'000);
constexpr std::size_t kCodeMax = 64, kDetailMax = 300, kProviderIdMax = 256;  // bytes

// In the form it is suppressed in; empty: not an address of that channel.
std::string canonical_address(Channel channel, const std::string& text) {
  switch (channel) {
    case Channel::Email: return model::normalize_email(text).value_or("");
    case Channel::Sms:
    case Channel::Voice: return model::normalize_phone(text).value_or("");
    case Channel::Push:
    case Channel::Chat:
    case Channel::Webhook: return text;
    case Channel::Inbox: return {};
  }
  return {};
}

bool is_about_address(ReceiptKind kind) noexcept {
  return kind == ReceiptKind::Bounced || kind == ReceiptKind::Complained ||
         kind == ReceiptKind::Unsubscribed || kind == ReceiptKind::Resubscribed;
}

// ---- STOP and START, written to the account's own number

// What somebody wrote, not what a vendor says about a message of ours.
struct Wish {
  std::string phone;  // E.164
  bool is_stop = false;
  std::string mark;  // under which it is remembered, so that it counts once; empty: the vendor names no id
};

std::optional<Wish> wish_of(const model::Receipt& receipt, const providers::ProviderType& type,
                            const CallbackFrom& from) {
  const bool is_stop = receipt.kind == ReceiptKind::Unsubscribed;
  if (type.channel != Channel::Sms || receipt.delivery != 0) return std::nullopt;
  if (!is_stop && receipt.kind != ReceiptKind::Resubscribed) return std::nullopt;
  Wish wish{.phone = canonical_address(Channel::Sms, receipt.address), .is_stop = is_stop, .mark = {}};
  if (wish.phone.empty()) return std::nullopt;
  if (!receipt.provider_id.empty()) {
    wish.mark = fmt::format("wish/{}/{}/{}", from.project, from.integration,
                            base::first_characters(receipt.provider_id, kProviderIdMax));
  }
  return wish;
}

// Leaves out what was obeyed before: a STOP that comes again after a START would undo it.
Task<Result<std::vector<Wish>>> take_wishes(store::Store& store, std::vector<model::Receipt>& receipts,
                                            const providers::ProviderType& type, const CallbackFrom& from,
                                            Time now) {
  std::vector<Wish> wishes;
  std::vector<model::Receipt> kept;
  for (model::Receipt& receipt : receipts) {
    std::optional<Wish> wish = wish_of(receipt, type, from);
    if (wish && !wish->mark.empty()) {
      std::string mark = wish->mark;
      CARILLON_CO_TRY(const auto known, co_await store.get_answer(std::move(mark), now));
      if (known) continue;
    }
    if (wish) wishes.push_back(std::move(*wish));
    kept.push_back(std::move(receipt));
  }
  receipts = std::move(kept);
  co_return wishes;
}

// Text messages of every category; false: it is as they want it already.
bool change_preference(model::Profile& profile, bool is_stop) {
  const auto is_all_texts = [](const model::Preference& p) {
    return p.channel == model::name(Channel::Sms) && p.category == "*";
  };
  const auto found = std::ranges::find_if(profile.preferences, is_all_texts);
  const bool is_out = found != profile.preferences.end() && !found->opt_in;
  if (is_stop == is_out) return false;
  // START takes back the no to all, and says nothing new about any category.
  std::erase_if(profile.preferences, is_all_texts);
  if (is_stop) profile.preferences.push_back({std::string(model::name(Channel::Sms)), "*", false});
  return true;
}

Task<Result<void>> prefer(store::Store& store, store::UserKey user, bool is_stop, std::string actor,
                          Time now) {
  for (int tries = 1;; ++tries) {
    CARILLON_CO_TRY(const auto found, co_await store.profiles({user}));
    if (!found.at(0)) co_return Result<void>{};
    model::Profile profile = *found[0];
    if (!change_preference(profile, is_stop)) co_return Result<void>{};
    store::ProfileChange note;
    note.actor = actor;
    note.source = "callback";
    note.is_preference_change = true;
    note.is_audited = false;  // the suppression is
    const auto written = co_await store.put_profile(std::move(profile), std::move(note), now);
    if (written) co_return Result<void>{};
    if (written.error().code != Errc::Conflict || tries == kTriesMax)
      co_return std::unexpected(written.error());
  }
}

// What is shown as their preference says it too: of everybody with that number.
Task<Result<void>> obey(store::Store& store, Wish wish, CallbackFrom from, Time now) {
  store::AddressQuery query;
  query.project = from.project;
  query.is_phone = true;
  query.first = query.last = wish.phone;
  query.limit = kPeoplePage;
  for (;;) {
    store::AddressQuery page = query;
    CARILLON_CO_TRY(const auto people, co_await store.profiles_by_address(std::move(page)));
    for (const auto& profile : people) {
      store::UserKey user{from.project, profile->user_id};
      CARILLON_CO_CHECK(
          co_await prefer(store, std::move(user), wish.is_stop, "provider:" + from.integration, now));
    }
    if (people.size() < kPeoplePage) break;
    query.after_address = wish.phone;
    query.after_user = people.back()->user_id;
  }
  if (wish.mark.empty()) co_return Result<void>{};
  co_return co_await store.put_answer(std::move(wish.mark), wish.is_stop ? "stop" : "start",
                                      now + kWishesRemembered, now);
}

}  // namespace

std::vector<store::ReceiptItem> receipt_items(std::vector<model::Receipt> receipts,
                                              const providers::ProviderType& type, std::int32_t project,
                                              const std::string& integration,
                                              const base::KeyedHash& address_hash, Time now) {
  std::vector<store::ReceiptItem> items;
  items.reserve(receipts.size());
  for (model::Receipt& receipt : receipts) {
    store::ReceiptItem item;
    item.project = project;
    item.receipt = std::move(receipt);
    item.integration = integration;
    model::Receipt& r = item.receipt;
    r.at = r.at == Time{} ? now : std::min(r.at, now);
    r.code = base::first_characters(r.code, kCodeMax);
    r.detail = base::first_characters(r.detail, kDetailMax);
    r.provider_id = base::first_characters(r.provider_id, kProviderIdMax);
    const std::string address =
        is_about_address(r.kind) ? canonical_address(type.channel, r.address) : std::string();
    r.address.clear();
    if (!address.empty() && type.channel == Channel::Push) {
      if (r.kind == ReceiptKind::Bounced) {
        item.endpoint =
            store::DeadAddress{.service = std::string(type.service), .token = address, .invalid_since = r.at};
      }
    } else if (!address.empty()) {
      item.address = store::AddressKey{type.channel, address_key(address_hash, type.channel, address)};
      item.hint = model::mask_address(type.channel, address);
    }
    if (r.delivery != 0 || item.address) items.push_back(std::move(item));
  }
  return items;
}

Task<Result<providers::CallbackReading>> take_callback(const Pipeline::Deps& deps, Integrations& integrations,
                                                       CallbackFrom from,
                                                       providers::CallbackRequest request) {
  const auto snapshot = deps.directory.snapshot();
  const ProjectView* const view = snapshot->project(from.project);
  const model::Integration* const stored = view ? view->find_integration(from.integration) : nullptr;
  const auto* const type = stored ? providers::find_provider(stored->provider) : nullptr;
  if (type == nullptr || type->name != from.provider) {
    co_return fail(Errc::NotFound, "there is no such integration of that provider");
  }
  const Time now = request.now;
  CARILLON_CO_TRY(auto reading,
                  co_await integrations.callback(from.project, from.integration, std::move(request),
                                                 base::Deadline::after(kCallbackTimeout)));
  if (reading.receipts.size() > kReceiptsMax) {
    co_return fail(Errc::InvalidArgument, fmt::format("more than {} reports in one callback", kReceiptsMax));
  }
  CARILLON_CO_TRY(auto wishes, co_await take_wishes(deps.store, reading.receipts, *type, from, now));
  const auto items = receipt_items(std::move(reading.receipts), *type, from.project, from.integration,
                                   deps.keys.address_hash, now);
  for (std::size_t i = 0; i < items.size(); i += kPiece) {
    std::vector<store::ReceiptItem> piece(
        items.begin() + static_cast<std::ptrdiff_t>(i),
        items.begin() + static_cast<std::ptrdiff_t>(std::min(i + kPiece, items.size())));
    CARILLON_CO_CHECK(co_await deps.store.receipts().add(std::move(piece), now));
  }
  // After the suppression, which stops the messages whatever happens here; the vendor repeats what fails.
  for (Wish& wish : wishes) CARILLON_CO_CHECK(co_await obey(deps.store, std::move(wish), from, now));
  reading.receipts.clear();
  co_return reading;
}

}  // namespace carillon::pipeline
