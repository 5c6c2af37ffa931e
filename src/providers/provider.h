// A provider: how to ask one third-party service, and how to read its answer.
//
// A provider is one file and one line in catalog.def; it describes itself, and everything else
// (validation, console form, reference, metric labels, conformance run) is derived.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/settings.h"
#include "base/task.h"
#include "model/channel.h"
#include "model/content.h"
#include "model/outcome.h"
#include "model/receipt.h"
#include "net/http.h"
#include "net/http_client.h"

namespace carillon::providers {

// Where one message goes, resolved for this attempt.
struct Target {
  model::Channel channel = model::Channel::Push;
  model::Platform platform = model::Platform::None;
  std::string service;      // of the endpoint or address: apns fcm slack …
  std::string address;      // token, e-mail, phone number, URL
  base::Secret secret;      // that goes with the address; mostly none
  std::string bundle;       // push: the app
  std::string environment;  // push: production or development
  std::string device_id;
};

// One message to send. Lives until its sink was told.
struct Job {
  std::int64_t delivery = 0;
  std::int64_t notification = 0;
  std::int32_t project = 0;
  std::uint16_t generation = 0;
  model::Priority priority = model::Priority::Normal;
  Target target;
  std::shared_ptr<const model::Message> message;
  std::optional<Time> expires_at;
  std::string collapse_key;  // the caller's; empty: none
  // The vendor's id of the last attempt, whoever was asked then: named() before, or of its outcome; mostly
  // empty.
  std::string previous_id;
  Time now{};                 // when this attempt was begun
  bool is_sensitive = false;  // something in the message may be
  void* owner = nullptr;      // the caller's own

  [[nodiscard]] std::string delivery_text() const;      // "dlv_…"
  [[nodiscard]] std::string notification_text() const;  // "ntf_…"
  // Same for every attempt of this delivery and generation: the collapse or idempotency handle.
  [[nodiscard]] std::string handle() const;
};

// Told exactly once per job, on the provider's executor, possibly from inside send().
class JobSink {
 public:
  virtual ~JobSink() = default;
  virtual void finished(Job& job, model::Outcome outcome) = 0;
  // Before the request leaves: the vendor tells by this id (at most 512 bytes) whether it has the message
  // already. It is the Job::previous_id of the next attempt even if this process is killed in between.
  virtual void named(Job& job, const std::string& provider_id) {
    static_cast<void>(job);
    static_cast<void>(provider_id);
  }
};

// A request a vendor made to us about messages it has, as it came.
struct CallbackRequest {
  std::string method;
  std::string url;  // as the vendor was told it: server.public_url, path and query; signatures cover it
  net::Headers headers;
  std::string body;  // raw bytes; signatures cover them
  Time now{};        // when it came
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept {
    return net::find_header(headers, name);
  }
  // The decoded value of a query parameter of `url`; empty when it is not there.
  [[nodiscard]] std::string query(std::string_view name) const;
  // Our delivery in the query parameter `d`, as callback_url() wrote it; 0: none or malformed.
  [[nodiscard]] std::int64_t delivery() const;
};

// What it says.
struct CallbackReading {
  std::vector<model::Receipt> receipts;  // empty: nothing we keep ("queued", "sending")
  // How to answer; vendors repeat on anything but 2xx.
  int status = 204;
  std::string content_type, body;
};

// What an integration's test says.
struct TestReport {
  bool ok = false;
  std::string detail;  // what was tried and answered; the fix when not ok
};

// Where a vendor should report about this delivery: `base` (Context::callback_url) with our id as `d`.
[[nodiscard]] std::string callback_url(std::string_view base, std::int64_t delivery);

// One configured account. All calls on its executor.
class Provider {
 public:
  virtual ~Provider() = default;
  // Begins all jobs; each ends in one sink call, at the latest when `deadline` has passed. Jobs and
  // sink must live until then.
  virtual void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) = 0;
  // How many more jobs may be begun now.
  [[nodiscard]] virtual std::size_t free_slots() const noexcept = 0;
  // Asks the vendor something harmless that proves the credentials.
  virtual Task<TestReport> test(base::Deadline deadline) = 0;
  // Checks a callback's signature over the raw bytes and reads it. Changes nothing here. Errors:
  // Unauthenticated (forged, replayed, unsigned) · InvalidArgument (cannot be read) · NotFound (the vendor
  // has none) · Unavailable (a certificate could not be fetched; the vendor asks again).
  virtual Task<Result<CallbackReading>> callback(const CallbackRequest& request, base::Deadline deadline);
  // Ends: nothing new is begun; what runs may finish until `deadline`.
  virtual Task<void> close(base::Deadline deadline) = 0;
};

// Where the sandbox puts what it "sent". Implemented over the Store.
struct SandboxEntry {
  std::int32_t project = 0;
  std::int64_t delivery = 0, notification = 0;
  model::Channel channel = model::Channel::Push;
  std::string to, content;  // content: JSON
  bool is_sensitive = false;
};
class SandboxBox {
 public:
  virtual ~SandboxBox() = default;
  // Durable when it returns.
  virtual Task<Result<void>> add(std::vector<SandboxEntry> entries) = 0;
};

// What a provider is given.
struct Context {
  boost::asio::any_io_executor executor;
  const base::Clock* clock = nullptr;
  SandboxBox* sandbox = nullptr;
  std::string integration;   // its key, for logs
  std::string callback_url;  // https://public/v1/callbacks/<provider>/<integration>, or empty
  std::string hello_name;    // EHLO, Message-ID domain
  base::Secret push_key;     // the project's pair for web push: the private key, 32 bytes; empty: none
  bool has_private_addresses =
      false;  // recipients' URLs may lead into this network (webhooks.private_addresses)
};

// Settings every integration has (CONTRACT §6).
struct CommonOptions {
  std::string endpoint;  // default: the vendor's
  std::string ca_file;
  Millis timeout{15'000};
  double rate = 0;                 // messages/s; 0: no limit of ours
  std::int64_t max_in_flight = 0;  // 0: the type's default
};
void describe(base::SettingsGroup& group, CommonOptions& options);

// A kind of provider, as a value.
struct ProviderType {
  std::string_view name;   // "twilio_sms"
  std::string_view title;  // "Twilio SMS"
  model::Channel channel = model::Channel::Push;
  bool is_any_channel = false;                 // the sandbox
  std::span<const model::Platform> platforms;  // push only
  std::string_view service;  // of device endpoints and chat addresses: "apns"; empty: the channel's only one
  std::string_view default_endpoint;
  std::size_t batch_max = 1;    // jobs worth handing over at once
  std::size_t payload_max = 0;  // bytes; 0: not limited here
  std::size_t in_flight_default = 100;
  bool has_receipts = false;  // the vendor reports delivery later
  bool echoes_id = false;     // … and names our id in it
  bool has_handle = false;    // repeating with the same handle is harmless
  // Each recipient's address says where it is reached: there is no vendor's endpoint, and one that is
  // configured is somebody's own.
  bool recipients_name_endpoint = false;
  // The public key that browsers subscribe with, when the account has a pair of its own in its settings (with
  // secrets in clear); empty: the project's pair. Null: it has to do with none.
  std::string (*push_key)(base::JsonElement settings) = nullptr;
  // Push: the app whose devices an account serves, by its settings with secrets in clear: bundle id, Firebase
  // project. Empty: they do not say; null: they never do.
  std::string (*bundle)(base::JsonElement settings) = nullptr;
  // Push: which of the vendor's services an account sends to, by its settings: production or development, as
  // a device says of its tokens. Null: the vendor has one.
  std::string (*environment)(base::JsonElement settings) = nullptr;
  // Declares all settings on a throw-away Options (for listing) and opens one account. `settings` is
  // the JSON object as stored with secrets in clear. Errors of open: InvalidArgument with problems.
  void (*declare)(base::SettingsGroup& group) = nullptr;
  Result<std::unique_ptr<Provider>> (*open)(base::JsonElement settings, base::Problems& problems,
                                            const Context& context, const CommonOptions& common) = nullptr;
};

// Where an account cannot be made of its settings the message begins with the setting that is to blame
// ("private_key is not …"): that one becomes a problem, so that whoever asks sees it at its field.
void name_setting(const base::SettingsGroup& group, const Error& error, base::Problems& problems);

// Makes `open` for a provider with its own Options: reads common and own settings, then constructs.
//   T::create(Options, CommonOptions, const Context&) -> Result<std::unique_ptr<Provider>>
// An InvalidArgument of create() begins with the name of the setting it is about.
template <class T, class Options, void (*Describe)(base::SettingsGroup&, Options&)>
Result<std::unique_ptr<Provider>> open_as(base::JsonElement settings, base::Problems& problems,
                                          const Context& context, const CommonOptions& defaults) {
  Options own;
  CommonOptions common = defaults;
  base::SettingsGroup group("settings");
  describe(group, common);
  Describe(group, own);
  group.apply(settings, "/settings", problems);
  if (!problems.empty()) return fail(Errc::InvalidArgument, "the integration's settings are not valid");
  auto made = T::create(std::move(own), std::move(common), context);
  if (!made) name_setting(group, made.error(), problems);
  return made;
}
template <class Options, void (*Describe)(base::SettingsGroup&, Options&)>
void declare_as(base::SettingsGroup& group) {
  static thread_local Options own;  // bound fields must outlive the group; never read
  static thread_local CommonOptions common;
  own = Options{};
  common = CommonOptions{};
  describe(group, common);
  Describe(group, own);
}

}  // namespace carillon::providers
