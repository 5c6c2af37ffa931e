#include "providers/provider.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ids.h"
#include "providers/calls.h"

namespace carillon::providers {

std::string Job::delivery_text() const { return base::id_text(base::kDeliveryPrefix, delivery); }
std::string Job::notification_text() const { return base::id_text(base::kNotificationPrefix, notification); }

std::string Job::handle() const {
  std::string text;
  text.reserve(24);
  base::append_id(text, base::kDeliveryPrefix, delivery);
  fmt::format_to(std::back_inserter(text), "-{}", generation);
  return text;
}

std::string CallbackRequest::query(std::string_view name) const {
  const std::size_t mark = url.find('?');
  if (mark == std::string::npos) return {};
  const auto fields = net::form_decode(std::string_view(url).substr(mark + 1));
  if (!fields) return {};
  for (const auto& [key, value] : *fields) {
    if (key == name) return value;
  }
  return {};
}

std::int64_t CallbackRequest::delivery() const {
  return base::parse_id(base::kDeliveryPrefix, query("d")).value_or(0);
}

std::string callback_url(std::string_view base, std::int64_t delivery) {
  return fmt::format("{}{}d={}", base, base.contains('?') ? "&" : "?",
                     base::id_text(base::kDeliveryPrefix, delivery));
}

Task<Result<CallbackReading>> Provider::callback(const CallbackRequest&, base::Deadline) {
  co_return fail(Errc::NotFound, "this provider reports nothing");
}

void name_setting(const base::SettingsGroup& group, const Error& error, base::Problems& problems) {
  if (error.code != Errc::InvalidArgument) return;
  const std::string_view text = error.message;
  const std::string_view name =
      text.substr(0, text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"));
  const bool is_setting = std::ranges::any_of(
      group.settings(), [name](const base::Setting& setting) { return setting.name == name; });
  if (is_setting)
    problems.push_back({fmt::format("/settings/{}", name), "integration_test_failed", error.message});
}

void describe(base::SettingsGroup& group, CommonOptions& options) {
  group.text("endpoint", options.endpoint)
      .help("Where the provider is reached; another than the vendor's for tests and proxies.")
      .korean("공급자에 접속하는 주소입니다. 시험이나 프록시에는 다른 주소를 씁니다.");
  group.text("ca_file", options.ca_file)
      .help("Certificates to trust, a PEM file on the server; empty: the system's.")
      .korean("신뢰할 인증서가 든 서버의 PEM 파일입니다. 비워 두면 시스템의 인증서를 씁니다.");
  group.duration("timeout", options.timeout)
      .range(1000, 120'000)
      .help("How long one request may take.")
      .korean("요청 하나에 걸릴 수 있는 최대 시간입니다.");
  group.number("rate", options.rate)
      .range(0, 1e6)
      .unit("messages/s")
      .help("At most so many messages per second; 0: no limit of ours.")
      .korean("초당 보내는 메시지의 최대 개수입니다. 0이면 따로 제한하지 않습니다.");
  group.integer("max_in_flight", options.max_in_flight)
      .range(0, 100'000)
      .unit("messages")
      .help("At most so many messages at the provider at once; 0: the provider's default.")
      .korean("공급자에 동시에 맡겨 두는 메시지의 최대 개수입니다. 0이면 공급자의 기본값을 씁니다.");
}

Task<void> drain(base::TaskGate& gate) {
  gate.close();
  while (gate.count() > 0) static_cast<void>(co_await base::sleep_for(Millis(2)));
}

}  // namespace carillon::providers
