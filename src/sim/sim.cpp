#include "sim/sim.h"

#include <fmt/format.h>
#include <signal.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <thread>

#include "base/json.h"
#include "net/http_server.h"
#include "sim/apns.h"
#include "sim/control.h"
#include "sim/fcm.h"
#include "sim/h1_server.h"
#include "sim/h2_server.h"
#include "sim/oauth.h"
#include "sim/smtp_server.h"
#include "sim/twilio.h"

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
        tokens_(context_) {}
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
    CARILLON_CHECK(open_push());
    CARILLON_CHECK(open_messaging());
    CARILLON_CHECK(open_control());
    CARILLON_CHECK(context_.credentials.write_service_account(tokens_.token_uri()));
    description_ = describe_all();
    CARILLON_CHECK(write_file(options_.directory + "/sim.json", description_ + "\n"));
    return {};
  }

  [[nodiscard]] SimPorts ports() const noexcept override { return ports_; }
  [[nodiscard]] const std::string& description() const noexcept override { return description_; }
  [[nodiscard]] std::string instructions() const override;

  void stop() override {
    const std::lock_guard lock(stop_mutex_);
    if (control_server_) control_server_->drain(base::Deadline::after(kDrain));
    if (oauth_) oauth_->drain(base::Deadline::after(kDrain));
    for (H2Server* server : {apns_.get(), fcm_.get()}) {
      if (server != nullptr) server->stop();
    }
    for (Listener* listener : {twilio_server_.get(), smtp_.get()}) {
      if (listener != nullptr) listener->stop();
    }
    if (callbacks_) callbacks_->stop();
    threads_.join();
  }

 private:
  static std::uint16_t port(std::int64_t number) noexcept { return static_cast<std::uint16_t>(number); }
  [[nodiscard]] const std::string& shown_host() const noexcept {
    return options_.advertise.empty() ? options_.host : options_.advertise;
  }
  [[nodiscard]] std::string url(std::string_view scheme, std::uint16_t of) const {
    const bool is_v6 = shown_host().find(':') != std::string::npos;
    return fmt::format("{}://{}{}{}:{}", scheme, is_v6 ? "[" : "", shown_host(), is_v6 ? "]" : "", of);
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
    ports_.apns = apns_->port();
    ports_.fcm = fcm_->port();
    net::HttpServerOptions http;
    http.host = options_.host;
    http.port = port(options_.oauth_port);
    if (options_.oauth_tls) {
      http.tls_certificate_file = listen.certificate_file;
      http.tls_key_file = listen.key_file;
    }
    auto answer = [this](net::HttpRequest request, net::HttpPeer) -> Task<net::HttpResponse> {
      co_return tokens_.answer(request);
    };
    CARILLON_TRY(oauth_, net::HttpServer::open(threads_.executors(), http, std::move(answer)));
    ports_.oauth = oauth_->port();
    tokens_.set_token_uri(url(options_.oauth_tls ? "https" : "http", ports_.oauth) + "/token");
    return {};
  }

  Result<void> open_messaging() {
    callbacks_ = std::make_unique<TwilioCallbacks>(
        *threads_.contexts().front(), context_.credentials.twilio_auth_token, options_.callback_ca_file);
    twilio_ = std::make_unique<Twilio>(context_, *callbacks_,
                                       TwilioOptions{.callback_step = options_.callback_step,
                                                     .callback_duplicate = options_.callback_duplicate,
                                                     .callback_reorder = options_.callback_reorder,
                                                     .callback_loss = options_.callback_loss});
    CARILLON_TRY(
        twilio_server_,
        open_h1_server("sim twilio", threads_.contexts(), options_.host, port(options_.twilio_port),
                       [this](const net::HttpRequest& request) { return twilio_->handle(request); }));
    CARILLON_TRY(smtp_,
                 open_smtp_server(threads_.contexts(), options_.host, port(options_.smtp_port), context_,
                                  {.size_max = options_.smtp_size_max,
                                   .requires_auth = options_.smtp_requires_auth,
                                   .requires_starttls = options_.smtp_requires_starttls}));
    ports_.twilio = twilio_server_->port();
    ports_.smtp = smtp_->port();
    return {};
  }

  Result<void> open_control() {
    control_ = std::make_unique<Control>(context_, [this] { return description_; });
    auto answer = [this](net::HttpRequest request, net::HttpPeer) -> Task<net::HttpResponse> {
      co_return control_->answer(request);
    };
    net::HttpServerOptions http;
    http.host = options_.host;
    http.port = port(options_.control_port);
    CARILLON_TRY(control_server_, net::HttpServer::open(threads_.executors(), http, std::move(answer)));
    ports_.control = control_server_->port();
    return {};
  }

  [[nodiscard]] std::string describe_all() const;

  const SimOptions options_;
  Context context_;
  std::unique_ptr<TruthLog> log_;
  Threads threads_;
  TokenIssuer tokens_;
  std::unique_ptr<H2Application> apns_application_, fcm_application_;
  std::unique_ptr<H2Server> apns_, fcm_;
  std::unique_ptr<net::HttpServer> oauth_;
  std::unique_ptr<TwilioCallbacks> callbacks_;
  std::unique_ptr<Twilio> twilio_;
  std::unique_ptr<Listener> twilio_server_, smtp_;
  std::unique_ptr<Control> control_;
  std::unique_ptr<net::HttpServer> control_server_;
  SimPorts ports_;
  std::string description_;
  std::mutex stop_mutex_;
};

std::string Simulator::describe_all() const {
  const Credentials& c = context_.credentials;
  base::JsonWriter out;
  out.object().field("control", url("http", ports_.control)).field("ca_file", c.ca_file);
  out.field("log_file", std::filesystem::absolute(log_->path()).lexically_normal().string());
  out.key("apns").object().field("endpoint", url("https", ports_.apns)).field("key_file", c.apns_key_file);
  out.field("team_id", c.apns_team_id)
      .field("key_id", c.apns_key_id)
      .field("topic", c.apns_topic)
      .end_object();
  out.key("fcm").object().field("endpoint", url("https", ports_.fcm));
  out.field("service_account_file", c.fcm_service_account_file).field("project_id", c.fcm_project_id);
  out.field("token_uri", tokens_.token_uri()).end_object();
  out.key("twilio")
      .object()
      .field("endpoint", url("http", ports_.twilio))
      .field("account_sid", c.twilio_account_sid);
  out.field("auth_token", c.twilio_auth_token.reveal()).field("from", c.twilio_from).end_object();
  out.key("smtp").object().field("url", url("smtp", ports_.smtp)).field("host", shown_host());
  out.field("port", static_cast<int>(ports_.smtp)).field("user", c.smtp_user);
  out.field("password", c.smtp_password.reveal()).end_object();
  out.end_object();
  return out.str();
}

std::string Simulator::instructions() const {
  const Credentials& c = context_.credentials;
  const std::string control = url("http", ports_.control);
  return fmt::format(
      "The simulator is ready. Everything needed to configure integrations is in\n"
      "  {0}/sim.json\n\n"
      "  apns    {1}  key {2}, team {3}, key id {4}\n"
      "  fcm     {5}  service account {6}\n"
      "  twilio  {7}  account {8}\n"
      "  smtp    {9}  user {10}\n"
      "  trust   {11}  (ca_file of an integration)\n\n"
      "What was accepted:   curl {12}/counts\n"
      "The last push:       curl '{12}/messages/last?vendor=apns'\n"
      "Every hundredth 429: curl -X PUT {12}/faults -d '{{\"apns\":{{\"rate_429\":0.01}}}}'\n",
      options_.directory, url("https", ports_.apns), c.apns_key_file, c.apns_team_id, c.apns_key_id,
      url("https", ports_.fcm), c.fcm_service_account_file, url("http", ports_.twilio), c.twilio_account_sid,
      url("smtp", ports_.smtp), c.smtp_user, c.ca_file, control);
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
  group.integer("oauth_port", o.oauth_port)
      .range(0, kPortMax)
      .help("Port of FCM's token endpoint; 0: any free one.");
  group.integer("twilio_port", o.twilio_port)
      .range(0, kPortMax)
      .help("Port of Twilio (HTTP/1.1); 0: any free one.");
  group.integer("smtp_port", o.smtp_port)
      .range(0, kPortMax)
      .help("Port of the mail server; 0: any free one.");
  group.integer("control_port", o.control_port)
      .range(0, kPortMax)
      .help("Port of the control API; 0: any free one.");
  group.boolean("oauth_tls", o.oauth_tls).help("Serves FCM's token endpoint over TLS.");
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
  group.duration("callback_step", o.callback_step)
      .help("Time between two status callbacks of a text message.");
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

Result<std::unique_ptr<Sim>> Sim::open(SimOptions options) {
  const bool is_quiet = options.quiet;
  if (options.threads < 1 || options.threads > static_cast<std::int64_t>(kThreadsMax)) {
    return fail(Errc::InvalidArgument, "threads must be 1 to 64");
  }
  for (const std::int64_t port : {options.apns_port, options.fcm_port, options.oauth_port,
                                  options.twilio_port, options.smtp_port, options.control_port}) {
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
