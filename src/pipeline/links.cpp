#include "pipeline/links.h"

#include <algorithm>

#include "model/public_link.h"
#include "model/tracking.h"
#include "pipeline/route.h"

namespace carillon::pipeline {
namespace {

using model::CategoryKind;
using model::Channel;

std::string unsubscription(const LinkInput& input) {
  model::Unsubscription what{.project = input.delivery.project,
                             .delivery = input.delivery.id,
                             .channel = input.delivery.channel(),
                             .category = input.category->key,
                             .user_id = input.delivery.user_id,
                             .address_hash = {}};
  if (what.user_id.empty()) {
    const base::Hash128 hash = address_key(input.keys.address_hash, what.channel, input.address);
    what.address_hash.assign(reinterpret_cast<const char*>(hash.data()), hash.size());
  }
  return model::unsubscribe_token(what, input.keys.link_key);
}

// Whoever holds that address later has no say, so the link is bound to it; what leaves by other channels
// reaches who is signed in.
std::uint32_t check_of(const LinkInput& input, Channel channel) {
  const bool is_bound = channel == Channel::Email || channel == Channel::Sms || channel == Channel::Voice;
  return is_bound && !input.address.empty() ? model::address_check(input.address, input.keys.link_key) : 0;
}

}  // namespace

OwnLinks own_links(const LinkInput& input, const model::Profile* profile, Time now) {
  OwnLinks links;
  if (input.category == nullptr || input.public_url.empty()) return links;
  const Channel channel = input.delivery.channel();
  const bool is_bare_device = input.delivery.user_id.empty() && channel == Channel::Push;
  if (!input.category->mandatory && !is_bare_device)
    links.unsubscribe = input.public_url + "/u/" + unsubscription(input);
  if (input.delivery.user_id.empty() || profile == nullptr || profile->is_anonymous) {
    links.preferences = links.unsubscribe;
    return links;
  }
  model::PreferenceLink link{.project = input.delivery.project,
                             .user_id = input.delivery.user_id,
                             .expires_at = std::max(now, profile->tokens_after) + model::kPreferenceLinkTtl,
                             .channel = channel,
                             .delivery = channel == Channel::Email ? input.delivery.id : 0,
                             .address_check = check_of(input, channel)};
  links.preferences = input.public_url + "/p/" + model::preference_token(link, input.keys.link_key);
  return links;
}

void add_links(model::Message& message, const LinkInput& input,
               const std::function<Result<model::Message>()>& render_hidden) {
  const model::Category* const category = input.category;
  if (category == nullptr || input.public_url.empty()) return;
  const Channel channel = input.delivery.channel();
  if (channel != Channel::Email && channel != Channel::Sms) return;
  const bool may_track = !category->sensitive && category->kind != CategoryKind::Security;
  if (may_track && (category->track_opens || category->track_clicks)) {
    model::Tracking tracking{.public_url = input.public_url,
                             .key = &input.keys.link_key,
                             .delivery = input.delivery.id,
                             .opens = category->track_opens,
                             .clicks = category->track_clicks,
                             .hidden = nullptr};
    model::Message hidden;
    if (tracking.clicks && !input.notification.template_key.empty()) {
      auto rendered = render_hidden();
      if (rendered) hidden = std::move(*rendered);
      tracking.hidden = &hidden;
    }
    model::track(message, channel, tracking);
  }
  if (channel == Channel::Email && category->kind == CategoryKind::Marketing && !category->mandatory) {
    model::offer_unsubscription(message, input.public_url, unsubscription(input));
  }
}

}  // namespace carillon::pipeline
