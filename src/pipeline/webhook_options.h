// What is told to the URLs of others, and how long one is tried: the settings of group `webhooks`.
#pragma once

#include "base/clock.h"
#include "base/settings.h"

namespace carillon::pipeline {

struct WebhookOptions {
  bool private_addresses = false;  // users' and endpoints' URLs may be at one of them, and plain http
};
void describe(base::SettingsGroup& group, WebhookOptions& options);

}  // namespace carillon::pipeline
