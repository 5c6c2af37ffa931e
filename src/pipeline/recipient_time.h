// By whose clock a recipient lives.
#pragma once

#include <string_view>

#include "model/admin.h"
#include "model/local_time.h"
#include "model/profile.h"

namespace carillon::pipeline {

struct RecipientZone {
  std::string_view zone, source;  // source: "device" "user" "project"
};
// The zone of the device, else of the user, else of the project; device and profile may be null. The texts
// point into the arguments.
[[nodiscard]] inline RecipientZone recipient_zone(const model::Device* device, const model::Profile* profile,
                                                  const model::ProjectSettings& settings) {
  if (device != nullptr && !device->time_zone.empty()) return {device->time_zone, "device"};
  if (profile != nullptr && !profile->time_zone.empty()) return {profile->time_zone, "user"};
  return {settings.time_zone, "project"};
}

}  // namespace carillon::pipeline
