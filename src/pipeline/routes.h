// Which integrations may carry a delivery, in which order. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/channel.h"
#include "model/profile.h"
#include "model/status.h"
#include "pipeline/directory.h"
#include "providers/catalog.h"

namespace carillon::pipeline {

struct RouteQuery {
  model::Channel channel = model::Channel::Push;
  model::Platform platform = model::Platform::None;
  std::string_view country, app, category;
  std::int64_t delivery = 0;  // spreads weights; the same delivery always gets the same order
};

struct RouteChain {
  std::string_view rule;                                // key of the route; empty: order of creation
  std::vector<const model::Integration*> integrations;  // point into the view; best first
};

// What that provider carries; of push, also for which platform.
[[nodiscard]] bool serves(const providers::ProviderType& type, model::Channel channel,
                          model::Platform platform);

// The first route that matches decides. A chain is asked in its order; where it gives weights, its first
// place is drawn by them and the rest follow in order. Without a matching route: the enabled integrations
// whose provider serves that channel and platform, in order of creation. Disabled integrations and ones whose
// provider does not serve the channel are left out. The sandbox takes part only where a route names it.
[[nodiscard]] RouteChain route_chain(const ProjectView& view, const RouteQuery& query);

// An account that could not be asked at the moment.
struct Unavailable {
  std::string integration;                     // its key
  model::Reason reason = model::Reason::None;  // IntegrationPaused or ProviderDown
  std::string why;                             // for people
};

// Does the account serve the app and the environment (Apple's production or development) of the device's
// tokens? What either of them does not say fits.
[[nodiscard]] bool fits(const model::Integration& integration, const model::Device& device) noexcept;
// Of several accounts for one service only those that fit the device are asked: to the others its token is
// another app's, and what they answer would have it forgotten. Where none fits, each of them is asked as if
// it did, and says so. `chain`: the accounts of the route.
[[nodiscard]] bool is_stranger(const model::Integration& integration, const model::Device& device,
                               std::span<const model::Integration* const> chain) noexcept;
// Why a stranger is not asked, for people.
[[nodiscard]] std::string why_stranger(const model::Integration& integration, const model::Device& device);

}  // namespace carillon::pipeline
