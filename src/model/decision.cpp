#include "model/decision.h"

#include <utility>

namespace carillon::model {
namespace {

// "sms" matches sms, "push" every platform of it, "push.web" that platform, "*" everything.
bool matches_channel(std::string_view pattern, Channel channel, Platform platform) {
  if (pattern == "*" || pattern == name(channel)) return true;
  return platform != Platform::None && channel == Channel::Push &&
         pattern == name(queue_of(channel, platform));
}

bool matches(const Preference& preference, std::string_view category, Channel channel, Platform platform) {
  return (preference.category == "*" || preference.category == category) &&
         matches_channel(preference.channel, channel, platform);
}

std::string rule_of(const Preference& preference) {
  return fmt::format("user:{}:{}", preference.channel, preference.category);
}

void add_check(std::vector<Check>* checks, bool is_yes, std::string rule, std::string_view source) {
  if (checks == nullptr) return;
  checks->push_back({.check = "preference",
                     .result = is_yes ? "pass" : "stop",
                     .rule = std::move(rule),
                     .value = is_yes ? "opt_in" : "opt_out",
                     .source = std::string(source),
                     .at = std::nullopt});
}

void number_or_null(base::JsonWriter& out, std::string_view key, int number) {
  out.key(key);
  if (number == 0) {
    out.null();
  } else {
    out.value(number);
  }
}

void write_check(base::JsonWriter& out, const Check& check) {
  out.object().field("check", check.check).field("result", check.result);
  out.field_or_null("rule", check.rule);
  out.field_or_null("value", check.value);
  out.field_or_null("source", check.source);
  out.field_or_null("at", check.at);
  out.end_object();
}

void write_route(base::JsonWriter& out, const Explain::Route& route) {
  out.object();
  out.field_or_null("rule", route.rule);
  out.key("chain").array();
  for (const std::string& integration : route.chain) out.value(integration);
  out.end_array();
  out.field_or_null("chosen", route.chosen);
  out.key("skipped").array();
  for (const auto& [integration, why] : route.skipped) {
    out.object().field("integration", integration).field("why", why).end_object();
  }
  out.end_array().end_object();
}

}  // namespace

std::string_view name(DecisionKind kind) noexcept {
  switch (kind) {
    case DecisionKind::Send: return "send";
    case DecisionKind::Hold: return "hold";
    case DecisionKind::Suppress: return "suppress";
  }
  return "send";
}

bool is_opted_in(const Category& category, const std::vector<Preference>& preferences, Channel channel,
                 Platform platform, std::vector<Check>* checks) {
  if (category.mandatory) {
    add_check(checks, true, "mandatory", "category");
    return true;
  }
  const Preference* yes = nullptr;
  for (const Preference& preference : preferences) {
    if (!matches(preference, category.key, channel, platform)) continue;
    if (!preference.opt_in) {
      if (checks != nullptr) add_check(checks, false, rule_of(preference), "user");
      return false;
    }
    if (yes == nullptr) yes = &preference;
  }
  if (yes != nullptr) {
    if (checks != nullptr) add_check(checks, true, rule_of(*yes), "user");
    return true;
  }
  const bool is_default_yes = category.default_opt_in[static_cast<std::size_t>(channel)];
  if (checks != nullptr) add_check(checks, is_default_yes, "category_default", "category");
  return is_default_yes;
}

void write_explain(base::JsonWriter& out, const Explain& explain) {
  out.object().field("recipient", explain.recipient).field("channel", name(explain.channel));
  out.field_or_null("device_id", explain.device_id);
  out.field("decision", name(explain.decision.kind));
  out.field_or_null("reason", name(explain.decision.reason));
  if (explain.decision.due_at) out.field("due_at", to_rfc3339(*explain.decision.due_at));
  out.key("checks").array();
  for (const Check& check : explain.decision.checks) write_check(out, check);
  out.end_array().key("content").object();
  out.field_or_null("template", explain.content.template_key);
  number_or_null(out, "version", explain.content.version);
  out.field_or_null("locale", explain.content.locale);
  number_or_null(out, "segments", explain.content.segments);
  out.end_object().key("route");
  write_route(out, explain.route);
  out.end_object();
}

}  // namespace carillon::model
