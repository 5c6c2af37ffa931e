#include "pipeline/routes.h"

#include <fmt/format.h>

#include <algorithm>

namespace carillon::pipeline {

bool serves(const providers::ProviderType& type, model::Channel channel, model::Platform platform) {
  if (type.is_any_channel) return true;
  if (type.channel != channel) return false;
  return channel != model::Channel::Push || type.platforms.empty() ||
         std::ranges::find(type.platforms, platform) != type.platforms.end();
}

namespace {

bool matches(const model::Route& route, const RouteQuery& query) {
  const auto fits = [](const std::string& wanted, std::string_view value) {
    return wanted.empty() || wanted == value;
  };
  return (!route.channel || *route.channel == query.channel) &&
         fits(route.platform, model::name(query.platform)) && fits(route.country, query.country) &&
         fits(route.app, query.app) && fits(route.category, query.category);
}

// The step that goes first, drawn by weight from the delivery's id; without any weight the first one.
std::size_t draw(const std::vector<model::Route::Step>& chain, std::int64_t delivery) {
  const auto weight_of = [](const model::Route::Step& step) {
    return std::max<std::int64_t>(1, step.weight);
  };
  if (std::ranges::all_of(chain, [](const auto& step) { return step.weight <= 0; })) return 0;
  std::int64_t total = 0;
  for (const auto& step : chain) total += weight_of(step);
  // The low bits of an id are a sequence: multiplying by an odd constant and taking high bits mixes them.
  const auto mixed = (static_cast<std::uint64_t>(delivery) * 0x9E3779B97F4A7C15ULL) >> 33;
  auto point = static_cast<std::int64_t>(mixed % static_cast<std::uint64_t>(total));
  for (std::size_t i = 0; i < chain.size(); ++i) {
    point -= weight_of(chain[i]);
    if (point < 0) return i;
  }
  return 0;
}

}  // namespace

RouteChain route_chain(const ProjectView& view, const RouteQuery& query) {
  RouteChain result;
  const auto add = [&](const model::Integration& integration, bool is_named) {
    const auto* type = providers::find_provider(integration.provider);
    if (!integration.enabled || type == nullptr || !serves(*type, query.channel, query.platform)) return;
    if (type->is_any_channel && !is_named) return;
    result.integrations.push_back(&integration);
  };
  for (const model::Route& route : view.routes) {
    if (!matches(route, query)) continue;
    result.rule = route.key;
    const std::size_t first = draw(route.chain, query.delivery);
    for (std::size_t i = 0; i < route.chain.size(); ++i) {
      const std::size_t at = i == 0 ? first : (i <= first ? i - 1 : i);
      if (const auto* integration = view.find_integration(route.chain[at].integration))
        add(*integration, true);
    }
    return result;
  }
  for (const model::Integration& integration : view.integrations) add(integration, false);
  return result;
}

namespace {

bool is_same_or_unsaid(const std::string& a, const std::string& b) noexcept {
  return a.empty() || b.empty() || a == b;
}

std::string_view service_of(const model::Integration& integration) noexcept {
  const auto* const type = providers::find_provider(integration.provider);
  return type == nullptr ? std::string_view() : type->service;
}

}  // namespace

bool fits(const model::Integration& integration, const model::Device& device) noexcept {
  return is_same_or_unsaid(integration.bundle, device.bundle) &&
         is_same_or_unsaid(integration.environment, device.environment);
}

bool is_stranger(const model::Integration& integration, const model::Device& device,
                 std::span<const model::Integration* const> chain) noexcept {
  if (fits(integration, device)) return false;
  const std::string_view service = service_of(integration);
  return std::ranges::any_of(chain, [&](const model::Integration* other) {
    return service_of(*other) == service && fits(*other, device);
  });
}

std::string why_stranger(const model::Integration& integration, const model::Device& device) {
  if (!is_same_or_unsaid(integration.bundle, device.bundle)) {
    return fmt::format("it serves devices of {}, this one is of {}", integration.bundle, device.bundle);
  }
  return fmt::format("it serves {} tokens, the device's are of {}", integration.environment,
                     device.environment);
}

}  // namespace carillon::pipeline
