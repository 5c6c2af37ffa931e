#include "pipeline/render.h"

#include <algorithm>

namespace carillon::pipeline {
namespace {

void want(model::CompiledTemplate::Input& input, std::string_view locale) {
  if (locale.empty()) return;
  input.locales.push_back(locale);
  if (input.own_locale.empty()) input.own_locale = locale;
}

}  // namespace

Task<Result<std::shared_ptr<const model::Layout>>> layout_of(Directory& directory,
                                                             std::shared_ptr<const Snapshot> snapshot,
                                                             std::int32_t project, std::string layout_key,
                                                             Time at) {
  const auto* view = snapshot->project(project);
  if (layout_key.empty() || view == nullptr) co_return nullptr;
  const auto head = view->layouts.find(layout_key);
  const std::int64_t version = head == view->layouts.end() ? 0 : head->second.version_at(at);
  if (version == 0) co_return nullptr;
  co_return co_await directory.layout_version(project, std::move(layout_key), version);
}

void speak_to(model::CompiledTemplate::Input& input, const model::Profile& profile,
              const model::Device* device) {
  if (device != nullptr) want(input, device->locale);
  want(input, profile.locale);
  const bool has_own_zone = device != nullptr && !device->time_zone.empty();
  if (input.time_zone.empty()) input.time_zone = has_own_zone ? device->time_zone : profile.time_zone;
  input.user_attributes = profile.attributes;
  input.user_name = profile.name;
  input.user_email = profile.email;
  input.user_phone = profile.phone_number;
}

void speak_for(model::CompiledTemplate::Input& input, const ProjectView& view) {
  // The project's language is nobody's own: its region says nothing about the recipient.
  if (!view.settings.locale.empty()) input.locales.push_back(view.settings.locale);
  if (input.time_zone.empty()) input.time_zone = view.settings.time_zone;
  input.brand = &view.settings.brand;
}

model::CompiledTemplate::Input render_input(const model::SendRequest& request,
                                            const model::Delivery& delivery, const model::Profile* profile,
                                            const ProjectView* view, const ReplayChanges& changes) {
  const auto& entry = request.to[std::min<std::size_t>(delivery.to_index, request.to.size() - 1)];
  model::CompiledTemplate::Input input;
  input.channel = delivery.channel();
  input.params = request.params;
  input.overrides =
      changes.params.empty() ? std::string_view(entry.params) : std::string_view(changes.params);
  want(input, entry.locale);
  want(input, request.locale);
  if (profile != nullptr) {
    const auto device = std::ranges::find(profile->devices, delivery.device_id, &model::Device::device_id);
    const bool is_to_device = !delivery.device_id.empty() && device != profile->devices.end();
    speak_to(input, *profile, is_to_device ? &*device : nullptr);
  }
  if (view != nullptr) speak_for(input, *view);
  return input;
}

}  // namespace carillon::pipeline
