#include "sim/sim.h"

#include <gtest/gtest.h>

#include <map>

namespace carillon::sim {
namespace {

// A vendor that lands beside another must not take its port: `carillon sim` would not start.
TEST(SimOptions, GiveEveryListenerAPortOfItsOwn) {
  SimOptions options;
  base::SettingsGroup group("sim");
  describe(group, options);
  std::map<std::string, std::string> owners;
  for (const auto& setting : group.settings()) {
    if (!setting.name.ends_with("_port")) continue;
    const auto [known, is_new] = owners.emplace(setting.def, setting.name);
    EXPECT_TRUE(is_new) << setting.name << " and " << known->second << " are both " << setting.def;
  }
  EXPECT_GE(owners.size(), SimOptions::default_h1_ports().size());
}

}  // namespace
}  // namespace carillon::sim
