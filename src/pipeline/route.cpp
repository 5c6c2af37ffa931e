#include "pipeline/route.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "model/address.h"
#include "pipeline/fallback.h"
#include "pipeline/recipient_time.h"
#include "pipeline/routes.h"
#include "providers/catalog.h"

namespace carillon::pipeline {
namespace {

using model::Channel;
using model::Check;
using model::DecisionKind;
using model::DeliveryStatus;
using model::Platform;
using model::Reason;

// Mail systems that tell Ann@ from ann@ are rarer than people who type one for the other: to suppress an
// address, to find it and to meet it twice, case does not count. What is written to is as it was given.
std::string same_mailbox(Channel channel, std::string_view address) {
  std::string folded(address);
  if (channel != Channel::Email) return folded;
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return folded;
}

// One endpoint that is about to become a delivery.
struct Candidate {
  std::size_t to_index = 0;
  const model::Profile* profile = nullptr;  // null: raw address
  const model::Device* device = nullptr;
  Channel channel = Channel::Push;
  Platform platform = Platform::None;
  std::string_view address;       // empty for push to devices
  std::string_view service = {};  // of a chat address
};

class Router {
 public:
  explicit Router(const RouteInput& input) : in_(input) {}

  Routed run() {
    const auto& to = in_.request.to;
    out_.recipients = static_cast<std::int64_t>(to.size() - in_.people.groups.size());
    can_repeat_ = to.size() > 1 || !in_.people.groups.empty();
    if (!in_.only_members) {
      for (std::size_t i = 0; i < to.size(); ++i) route_entry(i, to[i]);
      for (const auto& [i, group] : in_.people.groups) check_group(i, group);
    }
    if (!in_.people.members.empty()) route_members();
    return std::move(out_);
  }

 private:
  void check_group(std::size_t i, const store::Group& group) {
    if (group.id == 0) {
      out_.problems.push_back({fmt::format("/to/{}/group", i), "unknown_group",
                               fmt::format("there is no group '{}'", in_.request.to[i].id)});
    }
    if (!in_.people.has_all_members) out_.recipients += group.members;
  }

  // Who is named by itself has been routed; what was said to that entry counts.
  void route_members() {
    std::unordered_set<std::string_view> named;
    for (const auto& entry : in_.request.to) {
      if (entry.kind == model::RecipientKind::User) named.insert(entry.id);
      if (in_.only_members) note_raw(entry);
    }
    for (const auto& [device, user] : in_.people.device_owner) named.insert(user);
    is_member_ = true;
    for (const store::Member& member : in_.people.members) {
      if (named.contains(member.user_id)) continue;
      if (in_.people.has_all_members) ++out_.recipients;
      if (member.has_left) {
        add_left(member);
      } else {
        route_user(member.entry, member.user_id, "group", nullptr);
      }
    }
  }

  void add_left(const store::Member& member) {
    for (const Channel channel : in_.plan.channels) {
      Candidate c{member.entry, nullptr, nullptr, channel, Platform::None, {}};
      checks_.clear();
      add(c, suppress(Reason::LeftGroup, "group", "left since it was accepted", "group"));
      out_.deliveries.back().user_id = member.user_id;
    }
  }

  void route_entry(std::size_t i, const model::Recipient& entry) {
    switch (entry.kind) {
      case model::RecipientKind::User: return route_user(i, entry.id, "user_id", nullptr);
      case model::RecipientKind::Device: return route_device(i, entry);
      case model::RecipientKind::Group: return;  // route_members()
      case model::RecipientKind::Email: return route_raw(i, entry, {Channel::Email});
      case model::RecipientKind::Phone: return route_raw(i, entry, {Channel::Sms, Channel::Voice});
      case model::RecipientKind::Address: return route_raw(i, entry, {entry.channel});
      case model::RecipientKind::Token: return route_raw(i, entry, {Channel::Push});
    }
  }

  void route_user(std::size_t i, std::string_view user_id, std::string_view field,
                  const std::string* only_device) {
    const auto it = in_.people.users.find(user_id);
    if (it == in_.people.users.end() || !it->second.profile) {
      if (!is_member_ && !in_.request.skip_unknown_users && !in_.skips_unknown_users) {
        out_.problems.push_back(
            {fmt::format("/to/{}/{}", i, field), "unknown_user",
             fmt::format("there is no user '{}'; register them first, or set on_unknown to skip", user_id)});
        return;
      }
      for (const Channel channel : in_.plan.channels) add_unknown(i, user_id, channel);
      return;
    }
    const model::Profile& profile = *it->second.profile;
    const std::size_t first = out_.deliveries.size();
    for (const Channel channel : in_.plan.channels) {
      if (channel == Channel::Push) {
        route_devices(i, profile, only_device);
      } else if (only_device == nullptr) {
        const PlainAddress to = address_of(profile, channel, in_.plan.view);
        Candidate c{i, &profile, nullptr, channel, Platform::None, to.address, to.service};
        decide(c);
      }
    }
    if (!in_.request.fallback.empty()) arrange_fallback(out_, first, in_);
  }

  void route_devices(std::size_t i, const model::Profile& profile, const std::string* only_device) {
    const std::size_t first = out_.deliveries.size();
    bool has_any = false;
    for (const model::Device& device : profile.devices) {
      if (only_device != nullptr && device.device_id != *only_device) continue;
      if (device.endpoints.empty()) continue;
      has_any = true;
      Candidate c{i, &profile, &device, Channel::Push, device.platform, {}};
      decide(c);
    }
    if (!has_any) {
      Candidate c{i, &profile, nullptr, Channel::Push, Platform::None, {}};
      add(c, suppress(Reason::NoAddress, "address", "no device with a push token"));
    }
    share_cap(first);
  }

  void route_device(std::size_t i, const model::Recipient& entry) {
    const auto owner = in_.people.device_owner.find(entry.id);
    if (owner == in_.people.device_owner.end()) {
      if (in_.request.skip_unknown_users || in_.skips_unknown_users) return add_unknown(i, {}, Channel::Push);
      out_.problems.push_back({fmt::format("/to/{}/device_id", i), "unknown_device",
                               fmt::format("there is no device '{}'", entry.id)});
      return;
    }
    if (std::ranges::find(in_.plan.channels, Channel::Push) == in_.plan.channels.end()) {
      return mismatch(i, "device_id", "a device is reached by push");
    }
    route_user(i, owner->second, "device_id", &entry.id);
  }

  void route_raw(std::size_t i, const model::Recipient& entry, std::initializer_list<Channel> fits) {
    bool has_any = false;
    const std::size_t first = out_.deliveries.size();
    for (const Channel channel : in_.plan.channels) {
      if (std::ranges::find(fits, channel) == fits.end()) continue;
      has_any = true;
      const Platform platform = channel == Channel::Push ? entry.platform : Platform::None;
      Candidate c{i, nullptr, nullptr, channel, platform, entry.id, entry.service};
      decide(c);
      std::int64_t key = 0;
      const auto hash = address_key(in_.address_hash, channel, entry.id);
      std::memcpy(&key, hash.data(), sizeof key);
      out_.address_keys.push_back(key & INT64_MAX);
    }
    if (!in_.request.fallback.empty()) arrange_fallback(out_, first, in_);
    if (!has_any) mismatch(i, field_of(entry.kind), "the channels asked for do not use this kind of address");
  }

  void mismatch(std::size_t i, std::string_view field, std::string_view why) {
    out_.problems.push_back({fmt::format("/to/{}/{}", i, field), "recipient_channel_mismatch",
                             fmt::format("{}; add its channel to channels or remove the entry", why)});
  }

  static std::string_view field_of(model::RecipientKind kind) {
    switch (kind) {
      case model::RecipientKind::User: return "user_id";
      case model::RecipientKind::Device: return "device_id";
      case model::RecipientKind::Group: return "group";
      case model::RecipientKind::Email: return "email";
      case model::RecipientKind::Phone: return "phone";
      case model::RecipientKind::Address: return "address";
      case model::RecipientKind::Token: return "device_token";
    }
    return "";
  }

  model::Decision suppress(Reason reason, std::string check, std::string value, std::string source = "user") {
    model::Decision d;
    d.kind = DecisionKind::Suppress;
    d.reason = reason;
    d.checks = std::move(checks_);
    d.checks.push_back(
        Check{std::move(check), "stop", {}, std::move(value), std::move(source), std::nullopt});
    return d;
  }

  // Everything between an endpoint and the queue, in the order of CONTRACT §3.
  void decide(Candidate& c) {
    checks_.clear();
    if (c.device == nullptr && c.address.empty()) {
      return add(
          c, suppress(Reason::NoAddress, "address", fmt::format("no {} address", model::name(c.channel))));
    }
    if (is_repeat(c))
      return add(c, suppress(Reason::DuplicateRecipient, "recipient", "named twice", "request"));
    if (!c.address.empty() && !in_.people.suppressed.empty()) {
      const auto hit = in_.people.suppressed.find(People::key(c.channel, c.address));
      if (hit != in_.people.suppressed.end()) {
        return add(c, suppress(Reason::AddressSuppressed, "suppression", hit->second.reason, "suppression"));
      }
    }
    if (c.device != nullptr && !c.device->enabled) {
      return add(c,
                 suppress(Reason::DeviceBlocked, "device", "notifications are switched off on the device"));
    }
    auto* checks = in_.wants_explain ? &checks_ : nullptr;
    static const std::vector<model::Preference> kNone;
    const auto& preferences = c.profile ? c.profile->preferences : kNone;
    if (!model::is_opted_in(*in_.plan.category, preferences, c.channel, c.platform, checks)) {
      return add(c, suppress(Reason::OptedOut, "preference", "opted out"));
    }
    add(c, when(c));
  }

  // A time by the recipient's clock, then quiet hours of the user, else of the project.
  model::Decision when(const Candidate& c) {
    const auto& settings = in_.plan.view->settings;
    const RecipientZone where = recipient_zone(c.device, c.profile, settings);
    if (in_.request.send_at_local) {
      auto d = model::apply_local_time(*in_.request.send_at_local, where.zone, where.source,
                                       in_.plan.accepted_at, in_.now, in_.wants_explain);
      checks_.insert(checks_.end(), d.checks.begin(), d.checks.end());
      if (d.kind != DecisionKind::Send) {  // what else there is to wait for is seen when its time has come
        d.checks = std::move(checks_);
        return d;
      }
    }
    auto quiet = c.profile && c.profile->quiet_hours ? c.profile->quiet_hours : settings.quiet_hours;
    if (!quiet || in_.plan.category->quiet_hours == model::QuietPolicy::Ignore) {
      model::Decision d;
      d.checks = std::move(checks_);
      return d;
    }
    auto d = model::apply_quiet_hours(*in_.plan.category, quiet, where.zone, in_.now, in_.wants_explain);
    if (in_.wants_explain) d.checks.insert(d.checks.begin(), checks_.begin(), checks_.end());
    return d;
  }

  // Devices differ by themselves; a user named twice repeats all of them. Users who share a mailbox or a
  // phone are different people, each with words of their own; an address that is named beside its user is the
  // same one.
  bool is_repeat(const Candidate& c) {
    if (!can_repeat_) return false;
    if (c.device != nullptr) {
      return !is_member_ && !seen_
                                 .insert(fmt::format("{}:{}\n{}", static_cast<int>(c.channel),
                                                     c.profile->user_id, c.device->device_id))
                                 .second;
    }
    const std::string address = address_id(c.channel, c.address);
    if (c.profile == nullptr) {
      named_.insert(address);
      return !seen_.insert(address).second;
    }
    if (named_.contains(address)) return true;
    // Members come in pages, each of them once.
    if (is_member_) return false;
    seen_.insert(address);
    return !seen_.insert(fmt::format("{}\n{}", address, c.profile->user_id)).second;
  }

  static std::string address_id(Channel channel, std::string_view address) {
    return fmt::format("{}:{}", static_cast<int>(channel), same_mailbox(channel, address));
  }

  // A member who is named by address, too, is not written to twice.
  void note_raw(const model::Recipient& entry) {
    switch (entry.kind) {
      case model::RecipientKind::Email: named_.insert(address_id(Channel::Email, entry.id)); return;
      case model::RecipientKind::Phone:
        named_.insert(address_id(Channel::Sms, entry.id));
        named_.insert(address_id(Channel::Voice, entry.id));
        return;
      case model::RecipientKind::Address: named_.insert(address_id(entry.channel, entry.id)); return;
      case model::RecipientKind::User:
      case model::RecipientKind::Device:
      case model::RecipientKind::Group:
      case model::RecipientKind::Token: return;
    }
  }

  void add_unknown(std::size_t i, std::string_view user_id, Channel channel) {
    Candidate c{i, nullptr, nullptr, channel, Platform::None, {}};
    checks_.clear();
    add(c, suppress(Reason::UnknownUser, "user", std::string(user_id), "request"));
    out_.deliveries.back().user_id = user_id;
  }

  void add(const Candidate& c, model::Decision decision) {
    model::Delivery d;
    d.project = in_.plan.view->id;
    d.queue = model::queue_of(c.channel, c.platform);
    d.priority = in_.plan.priority;
    d.to_index = static_cast<std::uint16_t>(c.to_index);
    d.expires_at = expiry(decision);
    d.reason = decision.reason;
    if (c.profile) d.user_id = c.profile->user_id;
    if (c.device) d.device_id = c.device->device_id;
    const std::string_view country =
        c.profile ? std::string_view(c.profile->country_code) : std::string_view{};
    const RouteChoice choice = choose_route(in_.plan, c.channel, c.platform, country, c.service);
    d.is_sandbox = choice.is_sandbox;
    settle(d, decision, choice, c);
    if (in_.wants_explain) explain(c, decision, choice, d);
    out_.deliveries.push_back(std::move(d));
  }

  // With a time by each recipient's clock, each has its ttl from then on.
  std::optional<Time> expiry(const model::Decision& decision) const {
    if (!in_.request.send_at_local || !in_.plan.ttl) return in_.plan.expires_at;
    const bool is_ahead = decision.reason == Reason::LocalTime && decision.due_at;
    return (is_ahead ? *decision.due_at : in_.now) + *in_.plan.ttl;
  }

  // Turns a decision into the row's status.
  void settle(model::Delivery& d, model::Decision& decision, const RouteChoice& choice, const Candidate& c) {
    if (decision.kind == DecisionKind::Suppress) {
      d.status = DeliveryStatus::Suppressed;
      d.finished_at = in_.now;
      d.note = note_of(decision.checks);
      return;
    }
    if (c.channel == Channel::Inbox) {  // the row is the message: there is no queue to wait in
      d.status = DeliveryStatus::Delivered;
      d.finished_at = in_.now;
      return;
    }
    if (decision.kind == DecisionKind::Hold) {
      d.status = DeliveryStatus::Held;
      d.due_at = decision.due_at;
      charge_cap(c);  // it will go: the token is taken now, or the cap holds it instead
      return;
    }
    if (!choice.has_route && !choice.is_sandbox) {
      decision.kind = DecisionKind::Hold;
      decision.reason = d.reason = Reason::NoRoute;
      d.status = DeliveryStatus::Held;
      d.due_at = d.expires_at;  // a hold on a condition ends at its ttl at the latest
      warn_no_route(c.channel);
      return;
    }
    charge_cap(c);
    if (const model::Pause* pause = find_pause(c)) {
      decision.kind = DecisionKind::Hold;
      decision.reason = d.reason = Reason::Paused;
      decision.checks.push_back(Check{"pause", "stop", {}, pause->reason, "pause", pause->at});
      d.status = DeliveryStatus::Held;
      d.due_at = d.expires_at;
      return;
    }
    d.due_at = in_.now;
  }

  // The stop button. It is looked at again when the delivery is taken.
  const model::Pause* find_pause(const Candidate& c) const {
    const auto& pauses = in_.plan.view->pauses;
    if (pauses.empty()) return nullptr;
    const std::string_view app = in_.plan.app ? std::string_view(in_.plan.app->name) : std::string_view{};
    const std::string_view tmpl = in_.plan.tmpl ? std::string_view(in_.plan.tmpl->key) : std::string_view{};
    const auto it = std::ranges::find_if(pauses, [&](const model::Pause& pause) {
      return pause.matches(app, in_.plan.category->key, tmpl, c.channel, in_.plan.priority);
    });
    return it == pauses.end() ? nullptr : &*it;
  }

  void charge_cap(const Candidate& c) {
    const auto& cap = in_.plan.category->cap;
    if (!cap || in_.plan.is_test || in_.request.to.empty()) return;
    store::CapCharge charge;
    charge.delivery = out_.deliveries.size();
    const std::string_view key = cap->key.empty() ? in_.plan.category->key : cap->key;
    // A raw address is its own recipient: the Store adds the user, of which it has none.
    charge.cap_key =
        fmt::format("{}/{}/{}", key, model::name(c.channel), c.profile ? std::string_view{} : c.address);
    charge.limit = cap->limit;
    charge.per = cap->per;
    charge.drop = cap->on_exceed == model::CapPolicy::Drop;
    out_.caps.push_back(std::move(charge));
  }

  // A cap counts one per notification × user × channel: the devices of one user share the first charge.
  void share_cap(std::size_t first) {
    std::size_t kept = 0;
    while (kept < out_.caps.size() && out_.caps[kept].delivery < first) ++kept;
    if (out_.caps.size() <= kept + 1) return;
    auto& charge = out_.caps[kept];
    charge.count = out_.caps.back().delivery - charge.delivery + 1;
    out_.caps.resize(kept + 1);
  }

  void warn_no_route(Channel channel) {
    for (const auto& warning : out_.warnings) {
      if (warning.channel == channel) return;
    }
    out_.warnings.push_back(
        {"no_route",
         fmt::format("no integration carries {}; the deliveries wait for one", model::name(channel)),
         channel});
  }

  static std::string note_of(const std::vector<Check>& checks) {
    if (checks.empty()) return {};
    const Check& last = checks.back();
    base::JsonWriter out;
    out.object()
        .field("check", last.check)
        .field("value", last.value)
        .field("source", last.source)
        .end_object();
    return out.str();
  }

  // A bare token is one of its platform's own service.
  static bool speaks_to(const Candidate& c, const model::Integration& integration) {
    const auto* const type = providers::find_provider(integration.provider);
    if (c.channel != Channel::Push || type == nullptr || type->is_any_channel) return true;
    if (c.device == nullptr) return type->service == model::default_push_service(c.platform);
    return std::ranges::find(c.device->endpoints, type->service, &model::Endpoint::service) !=
           c.device->endpoints.end();
  }

  struct Skipped {
    std::string why;                     // empty: it can be asked
    Reason waits_for = Reason::NoRoute;  // what its turn would wait for
  };
  Skipped skip(const Candidate& c, const model::Integration& integration, const RouteChoice& choice) const {
    if (!speaks_to(c, integration)) {
      return {.why = c.device != nullptr ? "the device has no endpoint of its service"
                                         : "a token alone is not one of its service"};
    }
    if (c.device != nullptr && is_stranger(integration, *c.device, choice.integrations))
      return {.why = why_stranger(integration, *c.device)};
    const auto found = std::ranges::find(in_.unavailable, integration.key, &Unavailable::integration);
    if (found == in_.unavailable.end()) return {};
    return {.why = found->why, .waits_for = found->reason};
  }

  // Whom the chain would ask. Where that is nobody at the moment, the message would wait.
  void explain_route(const Candidate& c, const RouteChoice& choice, model::Explain& e) const {
    e.route.rule = choice.rule;
    e.route.chain = choice.chain;
    if (choice.integrations.empty() && !choice.chain.empty()) e.route.chosen = choice.chain.front();
    Reason waits_for = Reason::NoRoute;
    for (const auto* integration : choice.integrations) {
      Skipped skipped = skip(c, *integration, choice);
      if (!skipped.why.empty()) {
        e.route.skipped.emplace_back(integration->key, std::move(skipped.why));
        // As it is held: paused only if all that could carry it are.
        if (skipped.waits_for != Reason::NoRoute && waits_for != Reason::ProviderDown)
          waits_for = skipped.waits_for;
      } else if (e.route.chosen.empty()) {
        e.route.chosen = integration->key;
      }
    }
    if (e.route.chosen.empty() && !choice.integrations.empty() && e.decision.kind == DecisionKind::Send) {
      e.decision.kind = DecisionKind::Hold;
      e.decision.reason = waits_for;
    }
  }

  void explain(const Candidate& c, model::Decision decision, const RouteChoice& choice,
               const model::Delivery& d) {
    model::Explain e;
    const auto& entry = in_.request.to[c.to_index];
    e.recipient = c.profile ? "user:" + c.profile->user_id
                            : (d.user_id.empty() ? std::string(field_of(entry.kind)) : "user:" + d.user_id);
    e.channel = c.channel;
    e.device_id = d.device_id;
    e.decision = std::move(decision);
    if (in_.plan.tmpl) {
      e.content.template_key = in_.plan.tmpl->key;
      e.content.version = in_.plan.tmpl->version;
    }
    explain_route(c, choice, e);
    out_.explains.push_back(std::move(e));
  }

  const RouteInput& in_;
  Routed out_;
  std::vector<Check> checks_;
  std::unordered_set<std::string> seen_;   // devices, addresses and users with an address
  std::unordered_set<std::string> named_;  // addresses that an entry of `to` is
  bool can_repeat_ = false;
  bool is_member_ = false;  // members are routed
};

}  // namespace

Routed route(const RouteInput& input) { return Router(input).run(); }

namespace {

// Whether something of the project carries messages to that chat service. Where nothing carries chat at all,
// every service is as good as another.
bool speaks_to(const ProjectView* view, std::string_view service) {
  bool has_any = false;
  if (view != nullptr) {
    for (const auto& integration : view->integrations) {
      const auto* const type = providers::find_provider(integration.provider);
      if (!integration.enabled || type == nullptr || type->is_any_channel || type->channel != Channel::Chat)
        continue;
      if (type->service == service) return true;
      has_any = true;
    }
  }
  return !has_any;
}

PlainAddress chat_address(const model::Profile& profile, const ProjectView* view) {
  for (const auto& other : profile.addresses) {
    if (other.channel == Channel::Chat && speaks_to(view, other.service))
      return {other.service, other.address, other.sealed_secret};
  }
  if (!profile.phone_number.empty() && speaks_to(view, model::kPhoneChatService))
    return {model::kPhoneChatService, profile.phone_number, {}};
  return {};
}

}  // namespace

PlainAddress address_of(const model::Profile& profile, Channel channel, const ProjectView* view) {
  switch (channel) {
    case Channel::Email: return {{}, profile.email, {}};
    case Channel::Sms:
    case Channel::Voice: return {{}, profile.phone_number, {}};
    case Channel::Chat: return chat_address(profile, view);
    case Channel::Webhook:
      for (const auto& other : profile.addresses) {
        if (other.channel == channel) return {{}, other.address, other.sealed_secret};
      }
      return {};
    case Channel::Inbox: return {{}, profile.user_id, {}};
    case Channel::Push: return {};
  }
  return {};
}

void collect_addresses(const std::vector<Channel>& channels, const model::Profile& profile,
                       const std::function<void(Channel, std::string_view)>& each) {
  for (const Channel channel : channels) {
    if (channel == Channel::Push || channel == Channel::Inbox) continue;
    if (channel == Channel::Chat) {  // any of them may be the one
      for (const auto& other : profile.addresses) {
        if (other.channel == channel) each(channel, other.address);
      }
      if (!profile.phone_number.empty()) each(channel, profile.phone_number);
    } else if (const auto to = address_of(profile, channel, nullptr); !to.address.empty()) {
      each(channel, to.address);
    }
  }
}

base::Hash128 address_key(const base::KeyedHash& hash, Channel channel, std::string_view address) {
  // A STOP to a text and a refused call are about the same number, but are not the same wish.
  const char kind = static_cast<char>('0' + static_cast<int>(channel));
  if (channel != Channel::Email) return hash({std::string_view(&kind, 1), address});
  return hash({std::string_view(&kind, 1), same_mailbox(channel, address)});
}

RouteChoice choose_route(const Plan& plan, Channel channel, Platform platform, std::string_view country,
                         std::string_view service) {
  RouteChoice choice;
  const std::string sandbox(providers::sandbox_type().name);
  if (plan.is_test || plan.view->sandbox_is_default) {
    choice.is_sandbox = choice.has_route = true;
    choice.chain.push_back(sandbox);
    return choice;
  }
  const std::string_view app = plan.app ? std::string_view(plan.app->name) : std::string_view{};
  const RouteQuery query{channel, platform, country, app, plan.category->key, 0};
  const RouteChain chain = route_chain(*plan.view, query);
  choice.rule = chain.rule;
  for (const auto* integration : chain.integrations) {
    const auto* const type = providers::find_provider(integration->provider);
    const bool speaks =
        service.empty() || type == nullptr || type->service.empty() || type->service == service;
    if (!speaks) continue;
    if (choice.chain.empty()) choice.is_sandbox = integration->provider == sandbox;
    choice.chain.push_back(integration->key);
    choice.integrations.push_back(integration);
  }
  choice.has_route = !choice.chain.empty();
  return choice;
}

}  // namespace carillon::pipeline
