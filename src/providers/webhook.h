// The recipient's own server, by Standard Webhooks, the pure part: what a request looks like and what an
// answer means. Source: github.com/standard-webhooks, spec/standard-webhooks.md.
#pragma once

#include <string>

#include "base/secret.h"
#include "providers/provider.h"

namespace carillon::providers::webhook_detail {

struct Options {
  base::Secret signing_secret;
};
void describe_options(base::SettingsGroup& group, Options& options);

// What is posted: the content's own body, or an event with the base fields.
std::string body_of(const Job& job);
model::Outcome classify(const Job& job, const net::HttpResponse& response, Time now);

}  // namespace carillon::providers::webhook_detail
