#include <algorithm>

#include "model/local_time.h"
#include "pipeline/refusal.h"
#include "pipeline/route.h"

namespace carillon::pipeline {
namespace {

std::unexpected<Refusal> refuse(int status, std::string code, std::string pointer, std::string detail) {
  return std::unexpected(make_refusal(status, std::move(code), std::move(detail), std::move(pointer)));
}

std::vector<model::Channel> choose_channels(const model::SendRequest& request, const model::Template* tmpl,
                                            const model::Category& category) {
  if (!request.channels.empty()) return request.channels;
  if (!request.fallback.empty()) {
    std::vector<model::Channel> channels;
    for (const model::FallbackStep& step : request.fallback) channels.push_back(step.channel);
    return channels;
  }
  if (tmpl != nullptr && !tmpl->channels.empty()) return tmpl->channels;
  return category.channels;
}

// What must be there to say, on every channel asked for.
void check_coverage(const model::Template& t, const std::vector<model::Channel>& channels,
                    base::Problems& problems) {
  const auto it = t.content.find(t.default_locale);
  if (it == t.content.end()) return;
  const model::Content& content = it->second;
  for (const model::Channel channel : channels) {
    if (!content.covers(channel)) {
      problems.push_back(
          {"/template", "missing_content",
           fmt::format("template '{}' says nothing for the channel {}", t.key, model::name(channel))});
    } else if (channel == model::Channel::Email && content.title.empty() &&
               (!content.email || content.email->subject.empty())) {
      problems.push_back({"/template", "missing_subject",
                          fmt::format("template '{}' has neither an e-mail subject nor a title", t.key)});
    }
  }
}

void check_all_params(const model::Template& t, const model::SendRequest& request, base::Problems& problems) {
  bool is_shared_enough = true;
  for (std::size_t i = 0; i < request.to.size(); ++i) {
    if (request.to[i].params.empty()) continue;
    is_shared_enough = false;
    model::check_params(t, request.params, request.to[i].params, fmt::format("/to/{}/params", i), problems);
    if (problems.size() >= base::kMaxProblems) return;
  }
  const bool is_any_plain =
      is_shared_enough ||
      std::ranges::any_of(request.to, [](const model::Recipient& r) { return r.params.empty(); });
  if (is_any_plain) model::check_params(t, request.params, {}, "/params", problems);
}

void choose_priority(Plan& plan, const model::SendRequest& request) {
  const auto wanted = request.priority.value_or(plan.category->priority);
  auto limit = plan.category->max_priority;
  if (plan.app) limit = std::max(limit, plan.app->max_priority);  // larger number: less urgent
  plan.priority = std::max(wanted, limit);
  plan.is_lowered = plan.priority != wanted;
}

void choose_times(Plan& plan, const model::SendRequest& request, Time now) {
  plan.accepted_at = now;
  plan.ttl = request.ttl ? request.ttl : plan.category->ttl;
  plan.send_at = request.send_at;
  Time last = request.send_at.value_or(now);
  if (request.send_at_local) {
    plan.send_at = model::first_local_moment(*request.send_at_local, now);
    last = model::last_local_moment(*request.send_at_local, now);
  }
  if (plan.ttl) plan.expires_at = last + *plan.ttl;
}

}  // namespace

std::expected<Plan, Refusal> make_plan(const ProjectView& view, std::shared_ptr<const model::App> app,
                                       bool is_test, const model::SendRequest& request,
                                       std::shared_ptr<const model::Template> tmpl, Time now) {
  base::Problems late;
  model::check_send_time(request, now, "", late);
  if (!late.empty()) return std::unexpected(make_refusal(422, std::move(late)));
  Plan plan;
  plan.view = &view;
  plan.app = std::move(app);
  plan.is_test = is_test;
  if (!request.template_key.empty()) {
    if (!tmpl) {
      const auto it = view.templates.find(request.template_key);
      if (it == view.templates.end() || request.template_version != 0) {
        return refuse(422, "unknown_template", "/template",
                      fmt::format("there is no published template '{}'{}", request.template_key,
                                  request.template_version ? " of that version" : ""));
      }
      tmpl = it->second;
    }
    plan.tmpl = std::move(tmpl);
  }
  const std::string& category = !request.category_given && plan.tmpl && !plan.tmpl->category.empty()
                                    ? plan.tmpl->category
                                    : request.category;
  const auto found = view.categories.find(category);
  if (found == view.categories.end()) {
    return refuse(422, "unknown_category", "/category", fmt::format("there is no category '{}'", category));
  }
  plan.category = found->second;
  if (plan.app && !plan.app->may_use_category(category)) {
    return refuse(403, "category_not_allowed", "/category",
                  fmt::format("the app '{}' may not use the category '{}'", plan.app->name, category));
  }
  plan.channels = choose_channels(request, plan.tmpl.get(), *plan.category);
  if (plan.channels.empty()) {
    return refuse(
        422, "no_channels", "/channels",
        "name the channels here, in the template or in the category, for example [\"push\",\"email\"]");
  }
  for (const model::Channel channel : plan.channels) {
    if (plan.app && !plan.app->may_use(channel)) {
      return refuse(
          403, "channel_not_allowed", "/channels",
          fmt::format("the app '{}' may not use the channel {}", plan.app->name, model::name(channel)));
    }
  }
  if (plan.tmpl) {
    base::Problems problems;
    check_coverage(*plan.tmpl, plan.channels, problems);
    if (problems.empty()) check_all_params(*plan.tmpl, request, problems);
    if (!problems.empty()) return std::unexpected(make_refusal(422, std::move(problems)));
  } else if (request.content) {
    for (const model::Channel channel : plan.channels) {
      if (!request.content->covers(channel)) {
        return refuse(422, "missing_content", "/channels",
                      fmt::format("there is nothing to say on the channel {}", model::name(channel)));
      }
      if (channel == model::Channel::Email && request.content->title.empty() &&
          (!request.content->email || request.content->email->subject.empty())) {
        return refuse(422, "missing_subject", "/subject", "give subject, email.subject or title");
      }
    }
  }
  choose_priority(plan, request);
  choose_times(plan, request, now);
  return plan;
}

bool make_bulk(Plan& plan) {
  const bool may_stay = plan.category->max_priority == model::Priority::Critical && plan.app &&
                        plan.app->max_priority == model::Priority::Critical;
  if (may_stay || plan.priority == model::Priority::Bulk) return false;
  plan.priority = model::Priority::Bulk;
  return true;
}

}  // namespace carillon::pipeline
