#include "pipeline/history.h"

#include "pipeline/render.h"
#include "pipeline/replay_changes.h"
#include "pipeline/route.h"
#include "pipeline/routes.h"

namespace carillon::pipeline {
namespace {

using model::DeliveryStatus;

struct Stored {
  model::Delivery delivery;
  std::shared_ptr<const model::Notification> notification;
  std::shared_ptr<const model::Profile> profile;
};

Task<Result<Stored>> load(const Pipeline::Deps& deps, std::int64_t id) {
  Stored stored;
  CARILLON_CO_TRY(auto detail, co_await deps.store.delivery(id));
  stored.delivery = std::move(detail.delivery);
  std::vector<std::int64_t> ids{stored.delivery.notification};
  CARILLON_CO_TRY(auto notifications, co_await deps.store.notifications(std::move(ids)));
  stored.notification = std::move(notifications.front());
  if (!stored.notification || !stored.notification->request) {
    co_return fail(Errc::NotFound, "the notification is past its retention");
  }
  if (!stored.delivery.user_id.empty()) {
    std::vector<store::UserKey> keys{{stored.delivery.project, stored.delivery.user_id}};
    CARILLON_CO_TRY(auto profiles, co_await deps.store.profiles(std::move(keys)));
    stored.profile = std::move(profiles.front());
  }
  co_return stored;
}

model::DecisionKind kind_of(DeliveryStatus status) {
  switch (status) {
    case DeliveryStatus::Held: return model::DecisionKind::Hold;
    case DeliveryStatus::Suppressed:
    case DeliveryStatus::Cancelled:
    case DeliveryStatus::Expired: return model::DecisionKind::Suppress;
    case DeliveryStatus::Pending:
    case DeliveryStatus::Processing:
    case DeliveryStatus::Retrying:
    case DeliveryStatus::Sent:
    case DeliveryStatus::Delivered:
    case DeliveryStatus::Failed:
    case DeliveryStatus::Dead:
    case DeliveryStatus::Unknown: return model::DecisionKind::Send;
  }
  return model::DecisionKind::Send;
}

// The check that decided, as it was written with the row.
void add_noted_check(const std::string& note, std::vector<model::Check>& checks) {
  if (note.empty()) return;
  base::JsonDocument document;
  base::Problems problems;
  const auto root = document.parse(note);
  if (!root) return;
  base::ObjectReader reader(*root, "", problems);
  model::Check check;
  check.result = "stop";
  if (!reader.text("check", check.check, 64)) return;
  reader.text("value", check.value, 1024);
  reader.text("source", check.source, 64);
  checks.push_back(std::move(check));
}

const model::Device* device_of(const Stored& stored) {
  if (!stored.profile || stored.delivery.device_id.empty()) return nullptr;
  const auto it =
      std::ranges::find(stored.profile->devices, stored.delivery.device_id, &model::Device::device_id);
  return it == stored.profile->devices.end() ? nullptr : &*it;
}

void explain_route(const Snapshot& snapshot, const Stored& stored, model::Explain& e) {
  const auto* view = snapshot.project(stored.delivery.project);
  if (view == nullptr) return;
  const auto app = snapshot.apps.find(stored.notification->app);
  RouteQuery query;
  query.channel = stored.delivery.channel();
  query.platform = model::platform_of(stored.delivery.queue);
  query.country = stored.profile ? std::string_view(stored.profile->country_code) : std::string_view{};
  query.app = app != snapshot.apps.end() ? std::string_view(app->second->name) : std::string_view{};
  query.category = stored.notification->category;
  query.delivery = stored.delivery.id;
  const auto chain = route_chain(*view, query);
  e.route.rule = chain.rule;
  for (const auto* integration : chain.integrations) e.route.chain.push_back(integration->key);
  const model::Device* const device = device_of(stored);
  for (const auto* integration : chain.integrations) {
    if (device != nullptr && is_stranger(*integration, *device, chain.integrations)) {
      e.route.skipped.emplace_back(integration->key, why_stranger(*integration, *device));
    } else if (!integration->paused.empty()) {
      e.route.skipped.emplace_back(integration->key, integration->paused);
    }
  }
  e.route.chosen = stored.delivery.integration;
}

}  // namespace

Task<Result<model::Explain>> explain_stored(const Pipeline::Deps& deps, std::int64_t delivery) {
  CARILLON_CO_TRY(const Stored stored, co_await load(deps, delivery));
  const auto snapshot = deps.directory.snapshot();
  model::Explain e;
  const auto& d = stored.delivery;
  e.recipient = d.user_id.empty() ? std::string(model::name(d.channel())) : "user:" + d.user_id;
  e.channel = d.channel();
  e.device_id = d.device_id;
  e.decision.kind = kind_of(d.status);
  e.decision.reason = d.reason;
  e.decision.due_at = d.due_at;
  if (const auto* view = snapshot->project(d.project)) {
    const auto category = view->categories.find(stored.notification->category);
    if (category != view->categories.end() && stored.profile) {
      [[maybe_unused]] const bool is_in =
          model::is_opted_in(*category->second, stored.profile->preferences, d.channel(),
                             model::platform_of(d.queue), &e.decision.checks);
    }
  }
  add_noted_check(d.note, e.decision.checks);
  e.content.template_key = stored.notification->template_key;
  e.content.version = stored.notification->template_version;
  explain_route(*snapshot, stored, e);
  co_return e;
}

Task<Result<model::Message>> render_stored(const Pipeline::Deps& deps, std::int64_t delivery) {
  CARILLON_CO_TRY(const Stored stored, co_await load(deps, delivery));
  const auto& n = *stored.notification;
  const auto snapshot = deps.directory.snapshot();
  const auto* view = snapshot->project(n.project);
  if (view != nullptr) {
    const auto category = view->categories.find(n.category);
    if (category != view->categories.end() && category->second->sensitive) {
      co_return fail(Errc::NotFound, "what is said under this category is not shown");
    }
  }
  std::shared_ptr<model::CompiledTemplate> content;
  if (!n.template_key.empty()) {
    CARILLON_CO_TRY(auto source,
                    co_await deps.directory.template_version(n.project, n.template_key, n.template_version));
    CARILLON_CO_TRY(auto layout,
                    co_await layout_of(deps.directory, snapshot, n.project, source->layout, n.accepted_at));
    CARILLON_CO_TRY(content, model::CompiledTemplate::compile(std::move(source), std::move(layout)));
  } else {
    static const model::Content kNothing;
    content = model::CompiledTemplate::literal(n.request->content ? *n.request->content : kNothing);
  }
  const auto changes = replay_changes(stored.delivery);
  auto input = render_input(*n.request, stored.delivery, stored.profile.get(), view, changes);
  input.hide_sensitive = true;
  co_return content->render(input);
}

}  // namespace carillon::pipeline
