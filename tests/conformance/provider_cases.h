// What the provider suite has to know of each provider: its account at the simulator and whom it can reach.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "model/outcome.h"
#include "providers/provider.h"

namespace carillon::conformance {

struct ProviderCase {
  std::string settings;      // JSON
  std::string bad_settings;  // with a credential that is wrong; empty: the simulator is told to refuse it
  std::string vendor;        // its name in the simulator's control API; empty: no vendor
  providers::Target good, invalid;
  model::OutcomeKind throttled = model::OutcomeKind::Throttled;
  bool has_retry_after = true;
  // A type with receipts: does the vendor report about what `good` got (false: its webhook says nothing of
  // it)?
  bool calls_back = true;
  // Does what proves a callback's origin cover its body? Some vendors only send a password or sign a time.
  bool covers_body = true;
  // False: there is no credential that could be wrong for every message.
  bool has_account = true;
};

// Makes the case from the simulator's description (sim.json).
using MakeCase = ProviderCase (*)(base::JsonElement all);
std::vector<std::pair<std::string, MakeCase>>& provider_cases();

// One per provider, in the file of its channel: const AddCase kApns("apns", [](base::JsonElement all) {…});
struct AddCase {
  AddCase(std::string name, MakeCase make) { provider_cases().emplace_back(std::move(name), make); }
};

// The text of that key; empty when there is none.
std::string text_of(base::JsonElement element, std::string_view key);
std::string read_file(const std::string& path);
providers::Target device_target(std::string_view service, model::Platform platform, std::string token);
providers::Target address_target(model::Channel channel, std::string address);

}  // namespace carillon::conformance
