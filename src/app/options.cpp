#include "app/options.h"

#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "model/web_address.h"

namespace carillon::app {
namespace {

constexpr double kYear = 365.0 * 86'400'000;
constexpr Millis kWindowMin{60'000};

void describe_server(base::SettingsGroup& group, ServerOptions& o) {
  group.text("listen", o.listen).help("Address and port of the API and the console.");
  group.text("public_listen", o.public_listen)
      .help(
          "A second address that only serves tracking, unsubscribing, pictures of messages, client calls and "
          "provider callbacks.");
  group.text("public_url", o.public_url)
      .help("How the world reaches this server, for every link that leaves it: https://notify.example.com.");
  group.text_list("proxies", o.proxies)
      .help(
          "Addresses or networks of reverse proxies: what these say in X-Forwarded-For is where a request "
          "came from.");
  group.text("tls_certificate", o.tls_certificate)
      .help("PEM file with the certificate chain; empty serves plain HTTP.");
  group.text("tls_key", o.tls_key).help("PEM file with the certificate's private key.");
  group.integer("threads", o.threads)
      .range(0, 256)
      .help("Threads answering requests; 0 takes half of the cores.");
  group.integer("connections", o.connections)
      .range(1, 1'000'000)
      .help("Connections at a time; more are answered 503.");
  group.boolean("test_clock", o.test_clock).help("Lets POST /v1/test/clock move the clock. Only for tests.");
}

void describe_store(base::SettingsGroup& group, StoreOptions& o) {
  group.secret("url", o.url)
      .help(
          "sqlite:PATH or postgres://user:password@host:port/database?sslmode=verify-full; empty takes "
          "carillon.db "
          "in the data folder.");
  group.bytes("cache", o.cache_bytes).range(1 << 20, 1e12).help("Page cache of the writing connection.");
  group.bytes("profile_cache", o.profile_cache_bytes)
      .range(0, 1e12)
      .help("Recently used recipients kept in memory.");
  group.bytes("notification_cache", o.notification_cache_bytes)
      .range(1 << 20, 1e12)
      .help("Recently accepted requests kept in memory for the workers.");
  group.bytes("disk_free_min", o.disk_free_min)
      .range(0, 1e15)
      .help("Sends are answered 503 while less disk is free than this or 3 percent.");
  group.duration("lease", o.lease)
      .range(3'000, 600'000)
      .help("PostgreSQL: a process that was not heard of for so long is gone; others take over its work.");
  group.duration("leader_lease", o.leader_lease)
      .range(1'000, 60'000)
      .help("PostgreSQL: likewise of the process that does what one of all does; another one leads then.");
}

void describe_rest(base::Settings& settings, AppOptions& o) {
  queue::describe(settings.group("queue"), o.queue);
  cache::describe(settings.group("cache"), o.cache);
  pipeline::describe(settings.group("kafka"), o.kafka);
  auto& dedup = settings.group("dedup");
  dedup.duration("window", o.store.dedup_window)
      .range(0, kYear)
      .help("How long an event id is remembered, 1m or more; 0s: a day, with PostgreSQL a week.");
  dedup.bytes("max_memory", o.store.dedup_memory)
      .range(1 << 20, 1e12)
      .help("Memory for event ids; older ones are then looked up on disk.");
  auto& secrets = settings.group("secrets");
  secrets.secret("key", o.secrets_key).help("Base64 of the 32 bytes every other key is derived from.");
  secrets.text("key_file", o.secrets_key_file)
      .help("A file with that key; empty takes secret.key in the data folder.");
  auto& log = settings.group("log");
  log.choice("level", o.log_level, {"debug", "info", "warn", "error"})
      .help("The least important line that is written.");
  log.choice("format", o.log_format, {"auto", "text", "json"})
      .help("auto writes text on a terminal and JSON elsewhere.");
}

}  // namespace

void describe(base::Settings& settings, AppOptions& o) {
  describe_server(settings.group("server"), o.server);
  describe_store(settings.group("store"), o.store);
  describe_rest(settings, o);
  pipeline::describe(settings.group("pipeline"), o.pipeline);
  pipeline::describe(settings.group("alerts"), o.pipeline.alerts);
  pipeline::describe(settings.group("approval"), o.pipeline.approval);
  pipeline::describe(settings.group("webhooks"), o.pipeline.webhooks);
  pipeline::describe(settings.group("retention"), o.pipeline.retention);
  auto& objects = settings.group("objects");
  objects::describe(objects, o.objects);
  pipeline::describe(objects, o.pipeline.objects);
  api::describe(settings.group("api"), o.api);
  api::describe(settings.group("console"), o.api.console);
}

Result<AppOptions> load_options(const CommandLine& line, char** environment) {
  AppOptions options;
  base::Settings settings;
  describe(settings, options);
  const auto env = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  options.config = line.config.empty() ? env("CARILLON_CONFIG") : line.config;
  if (options.config.empty() && std::filesystem::exists("carillon.toml")) options.config = "carillon.toml";
  if (!options.config.empty()) CARILLON_CHECK(settings.load_file(options.config));
  CARILLON_TRY(const auto unknown, settings.load_environment(environment));
  for (const auto& name : unknown) base::log_warn("{} is no setting of Carillon and is ignored", name);
  if (!line.data.empty())
    options.data = line.data;
  else if (const auto data = env("CARILLON_DATA"); !data.empty())
    options.data = data;
  if (!line.listen.empty()) options.server.listen = line.listen;
  for (const auto& set : line.sets) {
    const auto equals = set.find('=');
    if (equals == std::string::npos) {
      return fail(Errc::InvalidArgument, "--set takes group.name=value, for example --set server.threads=2");
    }
    if (auto done = settings.set(set.substr(0, equals), set.substr(equals + 1)); !done)
      return fail(Errc::InvalidArgument, std::move(done.error().message));
  }
  if (options.store.dedup_window > Millis(0) && options.store.dedup_window < kWindowMin)
    return fail(Errc::InvalidArgument, "dedup.window: give 1m or more, or 0s for the default");
  options.pipeline.journal_folder = options.data + "/journal";
  if (!options.server.public_url.empty()) {
    auto url = model::normalize_public_url(options.server.public_url);
    if (!url) return fail(Errc::InvalidArgument, "server.public_url: " + url.error().message);
    options.server.public_url = std::move(*url);
  }
  options.pipeline.public_url = options.api.public_url = options.server.public_url;
  if (options.objects.url.empty()) options.objects.url = fmt::format("file:{}/objects", options.data);
  auto proxies = net::Proxies::parse(options.server.proxies);
  if (!proxies) return fail(Errc::InvalidArgument, "server.proxies: " + proxies.error().message);
  options.api.proxies = std::move(*proxies);
  options.api.objects = options.pipeline.objects;
  options.api.is_test_clock = options.server.test_clock;
  options.api.has_private_webhooks = options.pipeline.alerts.private_addresses;
  options.api.has_private_endpoints = options.pipeline.webhooks.private_addresses;
  // The Options were bound to this function's `settings`; what is returned is a plain copy.
  return AppOptions(options);
}

std::string url_of(const ServerOptions& server, const std::string& host, std::uint16_t port) {
  const bool is_any = host == "0.0.0.0" || host == "::";
  const bool is_v6 = host.find(':') != std::string::npos && !is_any;
  return fmt::format("{}://{}:{}", server.tls_certificate.empty() ? "http" : "https",
                     is_any  ? "127.0.0.1"
                     : is_v6 ? "[" + host + "]"
                             : host,
                     port);
}

Result<std::pair<std::string, std::uint16_t>> parse_listen(const std::string& text,
                                                           std::string_view setting) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) {
    return fail(Errc::InvalidArgument,
                fmt::format("{}: '{}' is no address; give HOST:PORT such as 127.0.0.1:8080", setting, text));
  }
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty()) host = "0.0.0.0";
  std::uint16_t port = 0;
  const char* first = text.data() + colon + 1;
  const char* last = text.data() + text.size();
  const auto [end, ec] = std::from_chars(first, last, port);
  if (ec != std::errc{} || end != last || first == last) {
    return fail(Errc::InvalidArgument,
                fmt::format("{}: '{}' does not end in a port from 0 to 65535; give HOST:PORT such as "
                            "127.0.0.1:8080",
                            setting, text));
  }
  return std::pair{std::move(host), port};
}

}  // namespace carillon::app
