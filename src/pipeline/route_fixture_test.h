// A project with people in it, and how to ask make_plan() and route() about it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/route.h"

namespace carillon::pipeline {

class RouteFixture : public testing::Test {
 protected:
  static constexpr Time kNow = from_ms(1'790'000'000'000);  // 2026-09-21T14:13:20Z

  RouteFixture() {
    for (const auto& category : {model::general_category(), model::security_category()})
      put_category(category);
    put_integration("ios", "apns");
    put_integration("android", "fcm");
    put_integration("mail", "smtp");
    put_integration("text", "twilio_sms");
    app_ = std::make_shared<model::App>();
    app_->id = 7;
    app_->name = "shop";
    const auto ann = add_user("ann");
    ann->email = "ann@example.com";
    ann->phone_number = "+821012345678";
    ann->country_code = "KR";
    ann->devices.push_back(device("phone", model::Platform::Ios, "apns"));
    ann->devices.push_back(device("tablet", model::Platform::Android, "fcm"));
  }

  void put_category(model::Category category) {
    const std::string key = category.key;
    view_.categories[key] = std::make_shared<const model::Category>(std::move(category));
  }
  void put_integration(std::string key, std::string provider) {
    model::Integration integration;
    integration.key = std::move(key);
    integration.provider = std::move(provider);
    view_.integrations.push_back(std::move(integration));
  }
  void put_template(std::string_view key, std::string_view json) {
    base::JsonDocument document;
    base::Problems problems;
    auto t = model::read_template(*document.parse(json), key, problems);
    ASSERT_TRUE(problems.empty()) << problems.front().pointer << " " << problems.front().detail;
    t.version = 3;
    view_.templates[std::string(key)] = std::make_shared<const model::Template>(std::move(t));
  }

  static model::Device device(std::string id, model::Platform platform, std::string service) {
    model::Device made;
    made.device_id = id;
    made.platform = platform;
    made.endpoints.push_back({std::move(service), "token-" + id, kNow});
    return made;
  }
  // The profile may be changed until it is routed.
  std::shared_ptr<model::Profile> add_user(std::string id) {
    auto profile = std::make_shared<model::Profile>();
    profile->project = kDefaultProject;
    profile->user_id = std::move(id);
    profile->version = 1;
    people_.users[profile->user_id] = {profile};
    users_.push_back(profile);
    return profile;
  }
  model::Profile& ann() { return *users_.front(); }

  // A request as the API reads it; the test fails when it has problems.
  const model::SendRequest& request(std::string_view json) {
    base::JsonDocument document;
    base::Problems problems;
    const auto root = document.parse(json);
    EXPECT_TRUE(root) << json;
    requests_.push_back(
        std::make_unique<model::SendRequest>(model::read_send_request(*root, {}, "", problems)));
    for (const auto& p : problems) ADD_FAILURE() << p.pointer << " " << p.code << " " << p.detail;
    return *requests_.back();
  }

  std::expected<Plan, Refusal> plan(std::string_view json) {
    return make_plan(view_, app_, is_test_, request(json), nullptr, kNow);
  }
  // Plans and routes; the plan must be good.
  Routed routed(std::string_view json, bool wants_explain = false) {
    const auto& asked = request(json);
    plans_.push_back(std::make_unique<std::expected<Plan, Refusal>>(
        make_plan(view_, app_, is_test_, asked, nullptr, kNow)));
    const auto& made = *plans_.back();
    if (!made) {
      ADD_FAILURE() << made.error().code << ": " << made.error().detail;
      return {};
    }
    return route({.plan = *made,
                  .request = asked,
                  .people = people_,
                  .address_hash = hash_,
                  .now = kNow,
                  .wants_explain = wants_explain,
                  .unavailable = unavailable_});
  }

  ProjectView view_;
  std::shared_ptr<model::App> app_;
  std::vector<Unavailable> unavailable_;
  bool is_test_ = false;
  People people_;
  const base::KeyedHash hash_{std::string(16, 'k')};

 private:
  std::vector<std::shared_ptr<model::Profile>> users_;
  std::vector<std::unique_ptr<model::SendRequest>> requests_;
  std::vector<std::unique_ptr<std::expected<Plan, Refusal>>> plans_;
};

}  // namespace carillon::pipeline
