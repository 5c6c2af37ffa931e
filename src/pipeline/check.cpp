// The second look of Deliverer: each claimed delivery against the present state of everything.
#include <algorithm>

#include "model/address.h"
#include "model/decision.h"
#include "pipeline/deliver.h"
#include "pipeline/recipient_time.h"
#include "pipeline/replay_changes.h"
#include "pipeline/route.h"
#include "pipeline/senders.h"

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::DeliveryStatus;
using model::Platform;
using model::Reason;

constexpr std::uint16_t kClaimsLostMax = 3;  // claims without an outcome; then it is quarantined

// Which endpoint of the device an account of that type speaks to; null: none.
const model::Endpoint* endpoint_for(const model::Device& device, const providers::ProviderType& type) {
  if (type.is_any_channel) return device.endpoints.empty() ? nullptr : &device.endpoints.front();
  const auto it = std::ranges::find(device.endpoints, type.service, &model::Endpoint::service);
  return it == device.endpoints.end() ? nullptr : &*it;
}

// Best first; what an audited replay names comes before all others.
std::vector<Account*> best_first(const std::vector<Account*>& in_order, const model::Delivery& d) {
  auto candidates = order_again(in_order, d);
  const auto named = std::ranges::find(candidates, replay_changes(d).integration, &Account::key);
  if (named != candidates.end()) std::rotate(candidates.begin(), named, named + 1);
  return candidates;
}

// May another endpoint of the device be asked when the one this account speaks to is dead?
void find_next_endpoints(Flight& flight, const std::vector<Account*>& in_order, const Account& asked) {
  flight.has_next_endpoint = flight.has_later_endpoint = false;
  bool is_later = false;
  for (const Account* other : in_order) {
    is_later = is_later || other == &asked;
    if (other->type->is_any_channel || other->type->service == asked.type->service) continue;
    flight.has_next_endpoint = true;
    flight.has_later_endpoint = flight.has_later_endpoint || is_later;
  }
}

}  // namespace

void Deliverer::record(FlightPtr& flight, DeliveryStatus to, Reason reason, std::optional<Time> due,
                       std::string dead_letter) {
  recorder_.decided(std::move(flight), to, reason, due, {}, std::move(dead_letter));
}

// Reasons that do not depend on the recipient.
bool Deliverer::stops_early(FlightPtr& flight, const ProjectView& view, std::string_view app) {
  const auto& d = flight->delivery;
  const Time now = deps_.clock.now();
  if (flight->notification->is_cancelled) {
    record(flight, DeliveryStatus::Cancelled, Reason::CancelledByCaller);
    return true;
  }
  if (flight->notification->is_erased) {  // also of a user who is back since
    record(flight, DeliveryStatus::Suppressed, Reason::UserDeleted);
    return true;
  }
  if (d.expires_at && *d.expires_at <= now) {
    record(flight, DeliveryStatus::Expired, Reason::TtlPassed);
    return true;
  }
  if (flight->notification->status == model::NotificationStatus::Paused) {
    record(flight, DeliveryStatus::Held, Reason::NotificationPaused, d.expires_at);
    return true;
  }
  if (d.claims_lost >= kClaimsLostMax) {
    auto why = fmt::format("poison: claimed {} times without an outcome", d.claims_lost);
    record(flight, DeliveryStatus::Dead, Reason::Poison, std::nullopt, std::move(why));
    return true;
  }
  for (const auto& pause : view.pauses) {
    if (!pause.matches(app, flight->notification->category, flight->notification->template_key, d.channel(),
                       d.priority)) {
      continue;
    }
    record(flight, DeliveryStatus::Held, Reason::Paused, d.expires_at);
    return true;
  }
  return false;
}

// Reasons that lie with the user, from their present profile.
bool Deliverer::stops_by_user(FlightPtr& flight, const ProjectView& view, const model::Device*& device) {
  const auto& d = flight->delivery;
  if (d.user_id.empty()) return false;
  if (!flight->profile) {
    record(flight, DeliveryStatus::Suppressed, Reason::UserDeleted);
    return true;
  }
  const model::Profile& profile = *flight->profile;
  if (d.channel() == Channel::Push) {
    const auto it = std::ranges::find(profile.devices, d.device_id, &model::Device::device_id);
    if (it == profile.devices.end()) {
      record(flight, DeliveryStatus::Suppressed, Reason::DeviceMoved);
      return true;
    }
    device = &*it;
    if (!device->enabled || device->endpoints.empty()) {
      record(flight, DeliveryStatus::Suppressed, device->enabled ? Reason::NoAddress : Reason::DeviceBlocked);
      return true;
    }
  }
  const Platform platform = device ? device->platform : Platform::None;
  if (!model::is_opted_in(*flight->category, profile.preferences, d.channel(), platform, nullptr)) {
    record(flight, DeliveryStatus::Suppressed, Reason::OptedOut);
    return true;
  }
  const auto& quiet = profile.quiet_hours ? profile.quiet_hours : view.settings.quiet_hours;
  if (!quiet || flight->category->quiet_hours == model::QuietPolicy::Ignore) return false;
  const std::string_view zone = recipient_zone(device, &profile, view.settings).zone;
  const auto decision = model::apply_quiet_hours(*flight->category, quiet, zone, deps_.clock.now(), false);
  switch (decision.kind) {
    case model::DecisionKind::Send: return false;
    case model::DecisionKind::Hold:
      record(flight, DeliveryStatus::Held, Reason::QuietHours, decision.due_at);
      return true;
    case model::DecisionKind::Suppress:
      record(flight, DeliveryStatus::Suppressed, Reason::QuietHours);
      return true;
  }
  return false;
}

// The recipient may have moved since: their clock of now counts.
bool Deliverer::stops_by_local_time(FlightPtr& flight, const ProjectView& view, const model::Device* device) {
  const auto& request = *flight->notification->request;
  if (!request.send_at_local) return false;
  const RecipientZone where = recipient_zone(device, flight->profile.get(), view.settings);
  const auto decision = model::apply_local_time(*request.send_at_local, where.zone, where.source,
                                                flight->notification->accepted_at, deps_.clock.now(), false);
  switch (decision.kind) {
    case model::DecisionKind::Send: return false;
    case model::DecisionKind::Hold: {
      const auto ttl = request.ttl ? request.ttl : flight->category->ttl;
      if (ttl) flight->delivery.expires_at = *decision.due_at + *ttl;
      record(flight, DeliveryStatus::Held, Reason::LocalTime, decision.due_at);
      return true;
    }
    case model::DecisionKind::Suppress:
      record(flight, DeliveryStatus::Suppressed, Reason::LocalTime);
      return true;
  }
  return false;
}

// What is sent without its secret would not be what the recipient expects.
bool Deliverer::open_secret(Flight& flight, std::string_view sealed) {
  flight.job.target.secret = {};
  if (sealed.empty() || flight.delivery.is_sandbox) return true;
  auto secret = deps_.keys.sealer.open(
      sealed, model::address_context(flight.delivery.project, flight.delivery.user_id));
  if (secret) flight.job.target.secret = std::move(*secret);
  return secret.has_value();
}

Deliverer::Step Deliverer::check(FlightPtr& flight, const Snapshot& snapshot, bool is_suppressed) {
  const auto* view = snapshot.project(flight->delivery.project);
  if (view == nullptr || !flight->notification || !flight->notification->request) {
    record(flight, DeliveryStatus::Failed, Reason::RenderFailed, std::nullopt, "");
    return Step::Recorded;
  }
  const auto category = view->categories.find(flight->notification->category);
  flight->category =
      category != view->categories.end() ? category->second : view->categories.find("general")->second;
  const auto app_it = snapshot.apps.find(flight->notification->app);
  const std::string_view app =
      app_it != snapshot.apps.end() ? std::string_view(app_it->second->name) : std::string_view{};
  const model::Device* device = nullptr;
  if (stops_early(flight, *view, app) || stops_by_user(flight, *view, device)) return Step::Recorded;
  if (stops_by_local_time(flight, *view, device)) return Step::Recorded;

  auto& target = flight->job.target;
  const auto& d = flight->delivery;
  target.channel = d.channel();
  target.platform = model::platform_of(d.queue);
  target.device_id = d.device_id;
  if (device != nullptr) {
    target.bundle = device->bundle;
    target.environment = device->environment;
  } else {
    Addressed to = plain_address(*flight, view);
    if (to.address.empty()) {
      record(flight, DeliveryStatus::Suppressed, Reason::NoAddress);
      return Step::Recorded;
    }
    target.address = std::move(to.address);
    target.service =
        target.channel == Channel::Push ? model::default_push_service(target.platform) : to.service;
    if (!open_secret(*flight, to.sealed_secret)) {
      recorder_.decided(std::move(flight), DeliveryStatus::Failed, Reason::Rejected, std::nullopt,
                        R"({"check":"secret","value":"the address's secret cannot be read: give it again"})");
      return Step::Recorded;
    }
  }
  if (is_suppressed) {
    record(flight, DeliveryStatus::Suppressed, Reason::AddressSuppressed);
    return Step::Recorded;
  }
  return choose_account(flight, *view, app, device);
}

// The accounts that may be asked, in the order of the route.
std::vector<Account*> Deliverer::find_candidates(const Flight& flight, const ProjectView& view,
                                                 std::string_view app, const model::Device* device) {
  const auto& d = flight.delivery;
  std::vector<std::string_view> services;
  if (device != nullptr) {
    for (const auto& endpoint : device->endpoints) services.push_back(endpoint.service);
  } else if (!flight.job.target.service.empty()) {
    services.push_back(flight.job.target.service);
  }
  Integrations::Query query;
  query.project = d.project;
  query.is_sandbox = d.is_sandbox;
  query.channel = d.channel();
  query.platform = flight.job.target.platform;
  query.country = flight.profile ? std::string_view(flight.profile->country_code) : std::string_view{};
  query.app = app;
  query.category = flight.notification->category;
  query.delivery = d.id;
  query.services = services;
  query.device = device;
  auto candidates = integrations_.candidates(view, query);
  keep_carriers(candidates, query.channel, view, *flight.notification->request);
  return candidates;
}

Deliverer::Step Deliverer::choose_account(FlightPtr& flight, const ProjectView& view, std::string_view app,
                                          const model::Device* device) {
  const auto& d = flight->delivery;
  const Time now = deps_.clock.now();
  const auto in_order = find_candidates(*flight, view, app, device);
  std::vector<Account*> reordered;
  if (in_order.size() > 1) reordered = best_first(in_order, d);
  const auto& candidates = in_order.size() > 1 ? reordered : in_order;
  if (candidates.empty()) {
    record(flight, DeliveryStatus::Held, Reason::NoRoute, d.expires_at);
    return Step::Recorded;
  }
  Account* chosen = nullptr;
  std::size_t available = 0;
  bool is_all_paused = true;
  // A slow one leaves half of the window to the others (PIPELINE §4); alone it may have all of it.
  const std::size_t share = std::max<std::size_t>(1, windows_.limit(d.lane()) / 2);
  bool chosen_has_room = false;
  for (Account* account : candidates) {
    const Reason why = account->unavailable(now);
    if (why != Reason::IntegrationPaused) is_all_paused = false;
    if (why != Reason::None) continue;
    ++available;
    const bool has_room = account->held(d.lane()) < share;
    if (chosen == nullptr || (!chosen_has_room && has_room)) {
      chosen = account;
      chosen_has_room = has_room;
    }
  }
  if (chosen == nullptr) {
    if (is_all_paused) {
      record(flight, DeliveryStatus::Held, Reason::IntegrationPaused, d.expires_at);
    } else {
      const Time began_at = age_began(d, model::sending_began(*flight->notification, now));
      const Verdict v = provider_down(d, *flight->category, began_at, now);
      if (v.is_dead_letter) std::ranges::for_each(candidates, [&](Account* a) { a->has_lost(now); });
      record(flight, v.to, v.reason, v.due_at,
             v.is_dead_letter ? "provider_down: no integration answered in time" : "");
    }
    return Step::Recorded;
  }
  const auto* endpoint = device != nullptr ? endpoint_for(*device, *chosen->type) : nullptr;
  find_next_endpoints(*flight, in_order, *chosen);
  const std::string_view address =
      endpoint != nullptr ? std::string_view(endpoint->token) : std::string_view(flight->job.target.address);
  // Reserved recipients leave this server only to somebody who is not the real vendor (CONTRACT §6).
  if (chosen->is_vendor && model::reserved_recipient(address) != model::ReservedRecipient::None) {
    chosen = integrations_.find(d.project, providers::sandbox_type().name);
  }
  flight->account = chosen;
  if (!chosen->take_slot(d.lane(), now)) return Step::Park;
  flight->others_available = available - 1;
  if (endpoint != nullptr) {
    flight->job.target.service = endpoint->service;
    flight->job.target.address = endpoint->token;
  } else {
    flight->has_next_endpoint = flight->has_later_endpoint = false;
  }
  return Step::Go;
}

}  // namespace carillon::pipeline
