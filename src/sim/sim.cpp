#include "sim/sim.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>

#include "base/json.h"
#include "net/http_server.h"
#include "sim/apns.h"
#include "sim/callbacks.h"
#include "sim/control.h"
#include "sim/fcm.h"
#include "sim/h1_vendor.h"
#include "sim/h2_server.h"
#include "sim/hms.h"
#include "sim/oauth.h"
#include "sim/smtp_server.h"
#include "sim/webpush.h"

namespace carillon::sim {
namespace {

constexpr double kPortMax = 65'535;
constexpr double kThreadsMax = 64;
constexpr auto kDrain = std::chrono::seconds(1);

// Threads, each with an event loop of its own.
class Threads {
 public:
  explicit Threads(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      contexts_.push_back(std::make_unique<boost::asio::io_context>(1));
      guards_.emplace_back(contexts_.back()->get_executor());
    }
    for (const auto& context : contexts_) {
      threads_.emplace_back([c = context.get()] {
        // Signals are the main thread's business. OpenSSL writes without MSG_NOSIGNAL, so SIGPIPE above all.
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        c->run();
      });
    }
  }
  ~Threads() { join(); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  void join() {
    guards_.clear();
    for (const auto& context : contexts_) context->stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  [[nodiscard]] std::vector<boost::asio::io_context*> contexts() const {
    std::vector<boost::asio::io_context*> all;
    for (const auto& context : contexts_) all.push_back(context.get());
    return all;
  }
  [[nodiscard]] std::vector<boost::asio::any_io_executor> executors() const {
    std::vector<boost::asio::any_io_executor> all;
    for (const auto& context : contexts_) all.emplace_back(context->get_executor());
    return all;
  }

 private:
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
  std::vector<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guards_;
  std::vector<std::thread> threads_;
};

class Simulator final : public Sim {
 public:
  explicit Simulator(SimOptions options)
      : options_(std::move(options)),
        threads_(static_cast<std::size_t>(options_.threads)),
        tokens_(context_),
        hms_account_(context_) {}
  ~Simulator() override { stop(); }

  Result<void> start() {
    CARILLON_TRY(context_.credentials, Credentials::load(options_.directory, certificate_names()));
    const std::string log_file =
        options_.log_file.empty() ? options_.directory + "/accepted.log" : options_.log_file;
    CARILLON_TRY(log_, TruthLog::open(log_file, !options_.counters_only));
    context_.log = log_.get();
    context_.slow = options_.slow;
    CARILLON_CHECK(context_.faults.apply(fmt::format(R"({{"seed":{}}})", options_.seed)));
    if (!options_.faults.empty()) CARILLON_CHECK(context_.faults.apply(options_.faults));
    hms_account_.load();
    open_callbacks();
    CARILLON_CHECK(open_push());
    CARILLON_CHECK(open_messaging());
    CARILLON_CHECK(open_control());
    CARILLON_CHECK(context_.credentials.write_service_account(tokens_.token_uri()));
    description_ = describe_all();
    CARILLON_CHECK(write_file(options_.directory + "/sim.json", description_ + "\n"));
    return {};
  }

  [[nodiscard]] const std::string& description() const noexcept override { return description_; }
  [[nodiscard]] Result<std::string> push_integration() const override;
  [[nodiscard]] std::string instructions() const override;

  void stop() override {
    const std::lock_guard lock(stop_mutex_);
    if (control_server_) control_server_->drain(base::Deadline::after(kDrain));
    if (oauth_) oauth_->drain(base::Deadline::after(kDrain));
    for (H2Server* server : {apns_.get(), fcm_.get(), hms_.get(), webpush_.get()}) {
      if (server != nullptr) server->stop();
    }
    for (const Played& played : played_) played.server->stop();
    if (smtp_) smtp_->stop();
    if (callbacks_) callbacks_->stop();
    threads_.join();
  }

 private:
  struct Played {
    Vendor which;
    std::unique_ptr<H1Vendor> vendor;
    std::unique_ptr<Listener> server;
  };

  static std::uint16_t port(std::int64_t number) noexcept { return static_cast<std::uint16_t>(number); }
  [[nodiscard]] const std::string& shown_host() const noexcept {
    return options_.advertise.empty() ? options_.host : options_.advertise;
  }
  [[nodiscard]] std::string url(std::string_view scheme, std::uint16_t of) const {
    const bool is_v6 = shown_host().find(':') != std::string::npos;
    return fmt::format("{}://{}{}{}:{}", scheme, is_v6 ? "[" : "", shown_host(), is_v6 ? "]" : "", of);
  }
  [[nodiscard]] std::string oauth_url() const {
    return url(options_.oauth_tls ? "https" : "http", oauth_->port());
  }
  [[nodiscard]] std::vector<std::string> certificate_names() const {
    std::vector<std::string> names = options_.names;
    names.push_back(options_.host);
    if (!options_.advertise.empty()) names.push_back(options_.advertise);
    return names;
  }

  Result<void> open_push() {
    const auto streams = static_cast<std::uint32_t>(options_.streams_max);
    apns_application_ =
        make_apns(context_, {static_cast<std::uint32_t>(options_.apns_streams_at_first), streams});
    fcm_application_ = make_fcm(context_, tokens_, {streams});
    H2ServerOptions listen{.host = options_.host,
                           .port = port(options_.apns_port),
                           .certificate_file = context_.credentials.server_certificate_file,
                           .key_file = context_.credentials.server_key_file};
    CARILLON_TRY(apns_, H2Server::open(threads_.contexts(), listen, *apns_application_));
    listen.port = port(options_.fcm_port);
    CARILLON_TRY(fcm_, H2Server::open(threads_.contexts(), listen, *fcm_application_));
    hms_application_ = make_hms(context_, hms_account_, *callbacks_, {streams});
    listen.port = port(options_.hms_port);
    CARILLON_TRY(hms_, H2Server::open(threads_.contexts(), listen, *hms_application_));
    webpush_application_ = make_webpush(context_, {streams});
    listen.port = port(options_.webpush_port);
    CARILLON_TRY(webpush_, H2Server::open(threads_.contexts(), listen, *webpush_application_));
    context_.subscriptions.set_origin(url("https", webpush_->port()));
    net::HttpServerOptions http;
    http.host = options_.host;
    http.port = port(options_.oauth_port);
    if (options_.oauth_tls) {
      http.tls_certificate_file = listen.certificate_file;
      http.tls_key_file = listen.key_file;
    }
    auto answer = [this](net::HttpRequest request, net::HttpPeer) -> Task<net::HttpResponse> {
      co_return request.path() == HmsAccount::kTokenPath ? hms_account_.answer(request)
                                                         : tokens_.answer(request);
    };
    CARILLON_TRY(oauth_, net::HttpServer::open(threads_.executors(), http, std::move(answer)));
    tokens_.set_token_uri(oauth_url() + "/token");
    return {};
  }

  void open_callbacks() {
    callbacks_ = std::make_unique<Callbacks>(*threads_.contexts().front(),
                                             CallbackOptions{.step = options_.callback_step,
                                                             .duplicate = options_.callback_duplicate,
                                                             .reorder = options_.callback_reorder,
                                                             .loss = options_.callback_loss,
                                                             .ca_file = options_.callback_ca_file});
  }

  Result<void> open_messaging() {
    stage_.emplace(Stage{context_, *callbacks_});
    for (std::size_t i = 0; i < kH1Vendors.size(); ++i) {
      const Vendor which = kH1Vendors[i].vendor;
      Played& played = played_.emplace_back(Played{which, kH1Vendors[i].make(*stage_), nullptr});
      CARILLON_TRY(
          played.server,
          open_h1_server(fmt::format("sim {}", name(which)), threads_.contexts(), options_.host,
                         port(options_.h1_ports.at(i)),
                         [this, which, vendor = played.vendor.get()](const net::HttpRequest& request) {
                           return answer(*vendor, which, context_, request);
                         }));
    }
    CARILLON_TRY(smtp_,
                 open_smtp_server(threads_.contexts(), options_.host, port(options_.smtp_port), context_,
                                  {.size_max = options_.smtp_size_max,
                                   .requires_auth = options_.smtp_requires_auth,
                                   .requires_starttls = options_.smtp_requires_starttls}));
    return {};
  }

  Result<void> open_control() {
    auto receive = [this](Vendor vendor, std::string_view from, std::string_view text) {
      const auto played = std::ranges::find(played_, vendor, &Played::which);
      return played != played_.end() && played->vendor->receive(from, text);
    };
    control_ = std::make_unique<Control>(context_, [this] { return description_; }, std::move(receive));
    auto answer = [this](net::HttpRequest request, net::HttpPeer) -> Task<net::HttpResponse> {
      co_return control_->answer(request);
    };
    net::HttpServerOptions http;
    http.host = options_.host;
    http.port = port(options_.control_port);
    CARILLON_TRY(control_server_, net::HttpServer::open(threads_.executors(), http, std::move(answer)));
    return {};
  }

  [[nodiscard]] std::string describe_all() const;

  const SimOptions options_;
  Context context_;
  std::unique_ptr<TruthLog> log_;
  Threads threads_;
  TokenIssuer tokens_;
  HmsAccount hms_account_;
  std::unique_ptr<Callbacks> callbacks_;
  std::unique_ptr<H2Application> apns_application_, fcm_application_, hms_application_, webpush_application_;
  std::unique_ptr<H2Server> apns_, fcm_, hms_, webpush_;
  std::unique_ptr<net::HttpServer> oauth_;
  std::optional<Stage> stage_;
  std::vector<Played> played_;
  std::unique_ptr<Listener> smtp_;
  std::unique_ptr<Control> control_;
  std::unique_ptr<net::HttpServer> control_server_;
  std::string description_;
  std::mutex stop_mutex_;
};

std::string Simulator::describe_all() const {
  const Credentials& c = context_.credentials;
  base::JsonWriter out;
  out.object().field("control", url("http", control_server_->port())).field("ca_file", c.ca_file);
  out.field("log_file", std::filesystem::absolute(log_->path()).lexically_normal().string());
  out.key("apns").object().field("endpoint", url("https", apns_->port())).field("key_file", c.apns_key_file);
  out.field("team_id", c.apns_team_id)
      .field("key_id", c.apns_key_id)
      .field("topic", c.apns_topic)
      .end_object();
  out.key("fcm").object().field("endpoint", url("https", fcm_->port()));
  out.field("service_account_file", c.fcm_service_account_file).field("project_id", c.fcm_project_id);
  out.field("token_uri", tokens_.token_uri()).end_object();
  out.key("hms").object().field("endpoint", url("https", hms_->port()));
  out.field("token_url", fmt::format("{}{}", oauth_url(), HmsAccount::kTokenPath));
  hms_account_.describe(out);
  out.end_object();
  out.key("webpush").object().field("endpoint", url("https", webpush_->port())).end_object();
  for (const Played& played : played_) {
    out.key(name(played.which)).object().field("endpoint", url("http", played.server->port()));
    played.vendor->describe(out);
    out.end_object();
  }
  out.key("smtp").object().field("url", url("smtp", smtp_->port())).field("host", shown_host());
  out.field("port", static_cast<int>(smtp_->port())).field("user", c.smtp_user);
  out.field("password", c.smtp_password.reveal()).end_object();
  out.end_object();
  return out.str();
}

Result<std::string> Simulator::push_integration() const {
  const Credentials& c = context_.credentials;
  std::ifstream file(c.apns_key_file);
  const std::string key((std::istreambuf_iterator<char>(file)), {});
  if (key.empty()) return fail(Errc::NotFound, c.apns_key_file + " is gone");
  base::JsonWriter out;
  out.object().field("provider", "apns").key("settings").object();
  out.field("endpoint", url("https", apns_->port())).field("ca_file", c.ca_file).field("private_key", key);
  out.field("team_id", c.apns_team_id).field("key_id", c.apns_key_id).field("topic", c.apns_topic);
  out.end_object().end_object();
  return out.str();
}

std::string Simulator::instructions() const {
  const Credentials& c = context_.credentials;
  std::string vendors;
  const auto add = [&vendors](std::string_view vendor, const std::string& place, const std::string& account) {
    vendors += fmt::format("  {:<10} {}{}{}\n", vendor, place, account.empty() ? "" : "  ", account);
  };
  add("apns", url("https", apns_->port()),
      fmt::format("key {}, team {}, key id {}", c.apns_key_file, c.apns_team_id, c.apns_key_id));
  add("fcm", url("https", fcm_->port()), fmt::format("service account {}", c.fcm_service_account_file));
  add("hms", url("https", hms_->port()), "");
  add("webpush", url("https", webpush_->port()), "subscriptions: POST /webpush/subscribe at the control API");
  for (const Played& played : played_) add(name(played.which), url("http", played.server->port()), "");
  add("smtp", url("smtp", smtp_->port()), fmt::format("user {}", c.smtp_user));
  add("trust", c.ca_file, "(ca_file of an integration)");
  return fmt::format(
      "The simulator is ready. Everything needed to configure integrations, accounts too, is in\n"
      "  {0}/sim.json\n\n{1}\n"
      "What was accepted:   curl {2}/counts\n"
      "The last push:       curl '{2}/messages/last?vendor=apns'\n"
      "Every hundredth 429: curl -X PUT {2}/faults -d '{{\"apns\":{{\"rate_429\":0.01}}}}'\n",
      options_.directory, vendors, url("http", control_server_->port()));
}

void describe_ports(base::SettingsGroup& group, SimOptions& o) {
  group.text("host", o.host).help("IP address to listen on.");
  group.text("advertise", o.advertise)
      .help("Host name in the URLs of sim.json; empty: the host listened on.");
  group.text_list("names", o.names).help("More host names and addresses for the certificate.");
  group.integer("apns_port", o.apns_port)
      .range(0, kPortMax)
      .help("Port of APNs (HTTP/2, TLS); 0: any free one.");
  group.integer("fcm_port", o.fcm_port)
      .range(0, kPortMax)
      .help("Port of FCM (HTTP/2, TLS); 0: any free one.");
  group.integer("webpush_port", o.webpush_port)
      .range(0, kPortMax)
      .help("Port of the push service of browsers (HTTP/2, TLS); 0: any free one.");
  group.integer("oauth_port", o.oauth_port)
      .range(0, kPortMax)
      .help("Port of the token endpoints of FCM and HMS; 0: any free one.");
  group.integer("hms_port", o.hms_port)
      .range(0, kPortMax)
      .help("Port of HMS (HTTP/2, TLS); 0: any free one.");
  for (std::size_t i = 0; i < kH1Vendors.size(); ++i) {
    const std::string_view vendor = name(kH1Vendors[i].vendor);
    group.integer(fmt::format("{}_port", vendor), o.h1_ports.at(i))
        .range(0, kPortMax)
        .help(fmt::format("Port of {} (HTTP/1.1); 0: any free one.", vendor));
  }
  group.integer("smtp_port", o.smtp_port)
      .range(0, kPortMax)
      .help("Port of the mail server; 0: any free one.");
  group.integer("control_port", o.control_port)
      .range(0, kPortMax)
      .help("Port of the control API; 0: any free one.");
  group.boolean("oauth_tls", o.oauth_tls).help("Serves the token endpoints over TLS.");
  group.integer("threads", o.threads).range(1, kThreadsMax).help("Threads for all vendors together.");
}

void describe_behaviour(base::SettingsGroup& group, SimOptions& o) {
  group.text("faults", o.faults).help("Faults as JSON, as PUT /faults of the control API takes them.");
  group.integer("seed", o.seed).range(0, 9e15).help("Makes the faults of two runs the same.");
  group.duration("slow", o.slow).help("How late the recipients named slow are answered.");
  group.integer("apns_streams_at_first", o.apns_streams_at_first)
      .range(1, 1e6)
      .help("HTTP/2 streams of an APNs connection before its first valid token.");
  group.integer("streams_max", o.streams_max).range(1, 1e6).help("HTTP/2 streams of a connection.");
  group.boolean("smtp_requires_auth", o.smtp_requires_auth).help("Refuses mail from who has not logged in.");
  group.boolean("smtp_requires_starttls", o.smtp_requires_starttls)
      .help("Refuses mail and logins without TLS.");
  group.bytes("smtp_size_max", o.smtp_size_max).range(1024, 1e9).help("Largest mail taken.");
  group.duration("callback_step", o.callback_step).help("Time between two callbacks about one message.");
  group.number("callback_duplicate", o.callback_duplicate).range(0, 1).help("Share of callbacks sent twice.");
  group.number("callback_reorder", o.callback_reorder)
      .range(0, 1)
      .help("Share of messages called back in reverse.");
  group.number("callback_loss", o.callback_loss).range(0, 1).help("Share of callbacks never sent.");
  group.text("callback_ca_file", o.callback_ca_file).help("PEM file trusted behind https callback URLs.");
}

}  // namespace

void describe(base::SettingsGroup& group, SimOptions& o) {
  describe_ports(group, o);
  group.text("directory", o.directory).help("Where accounts, certificates and sim.json are kept.");
  group.text("log_file", o.log_file).help("Log of accepted messages; empty: accepted.log in the directory.");
  group.boolean("counters_only", o.counters_only).help("Counts accepted messages without logging each.");
  group.boolean("quiet", o.quiet).help("Does not print how to use the simulator.");
  describe_behaviour(group, o);
}

std::vector<std::int64_t> SimOptions::default_h1_ports() {
  std::vector<std::int64_t> ports;
  for (const H1VendorType& type : kH1Vendors) ports.push_back(type.default_port);
  return ports;
}

void SimOptions::use_any_ports() {
  apns_port = fcm_port = hms_port = webpush_port = oauth_port = smtp_port = control_port = 0;
  h1_ports.assign(kH1Vendors.size(), 0);
}

Result<std::unique_ptr<Sim>> Sim::open(SimOptions options) {
  const bool is_quiet = options.quiet;
  if (options.threads < 1 || options.threads > static_cast<std::int64_t>(kThreadsMax)) {
    return fail(Errc::InvalidArgument, "threads must be 1 to 64");
  }
  std::vector<std::int64_t> ports = options.h1_ports;
  ports.insert(ports.end(), {options.apns_port, options.fcm_port, options.hms_port, options.webpush_port,
                             options.oauth_port, options.smtp_port, options.control_port});
  for (const std::int64_t port : ports) {
    if (port < 0 || port > static_cast<std::int64_t>(kPortMax)) {
      return fail(Errc::InvalidArgument, "ports must be 0 to 65535");
    }
  }
  auto simulator = std::make_unique<Simulator>(std::move(options));
  CARILLON_CHECK(simulator->start());
  if (!is_quiet) {
    std::fputs(simulator->instructions().c_str(), stdout);
    std::fflush(stdout);
  }
  return simulator;
}

}  // namespace carillon::sim
