#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "net/service_url.h"
#include "queue/kafka_handles.h"

namespace carillon::queue {
namespace {

constexpr std::uint16_t kKafkaPort = 9092;
constexpr std::size_t kTextMax = 200;
constexpr std::chrono::seconds kDestroyMax{5};

std::unexpected<Error> bad(std::string_view setting, std::string_view fix) {
  return fail(Errc::InvalidArgument, fmt::format("queue.{}: {}", setting, fix));
}

// librdkafka says every failed attempt; what matters is said when it changes (kafka.cpp).
void log_line(const rd_kafka_t*, int, const char* facility, const char* text) {
  base::log_debug("kafka {}: {}", printable(facility), printable(text));
}

// Nobody joins it. It is kept, or it would be taken for a leak.
void leave_behind(std::thread thread) {
  static std::mutex mutex;
  static auto* const left = new std::vector<std::thread>;
  const std::lock_guard lock(mutex);
  left->push_back(std::move(thread));
}

// A wrong file would only be found when the first client is made, without its name.
Result<void> check_file(std::string_view setting, const std::string& path) {
  if (path.empty()) return {};
  std::FILE* const file = std::fopen(path.c_str(), "r");
  if (file == nullptr) return bad(setting, fmt::format("cannot read {}", path));
  std::fclose(file);
  return {};
}

Result<void> check(const Options& options, const net::ServiceUrl& url) {
  if (url.scheme != "kafka" && url.scheme != "kafkas") {
    return bad("url", "begin it with kafka:// or kafkas:// (TLS), or write embedded:");
  }
  if (!url.path.empty() || !url.query.empty())
    return bad("url", "name hosts only, as in kafka://one:9092,two:9092");
  if (!url.password.empty() && !options.password.empty()) {
    return bad("password", "the URL has a password too; give one of them");
  }
  const bool has_password = !url.password.empty() || !options.password.empty();
  if (url.user.empty() != !has_password) {
    return bad(url.user.empty() ? "url" : "password", "a user and a password belong together");
  }
  const bool is_tls = url.scheme == "kafkas";
  const std::array<std::pair<std::string_view, const std::string*>, 3> files{
      {{"ca_file", &options.ca_file},
       {"certificate_file", &options.certificate_file},
       {"key_file", &options.key_file}}};
  for (const auto& [setting, path] : files) {
    if (!path->empty() && !is_tls) return bad(setting, "it is for kafkas://; the URL says kafka://");
    CARILLON_CHECK(check_file(setting, *path));
  }
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return bad("key_file",
               "a certificate and its key belong together: queue.certificate_file and queue.key_file");
  }
  return {};
}

}  // namespace

std::string printable(const char* text) {
  std::string out(std::string_view(text == nullptr ? "" : text).substr(0, kTextMax));
  std::ranges::replace_if(out, [](char c) { return c < 0x20 || c > 0x7e; }, '.');
  return out;
}

std::string kafka_text(rd_kafka_resp_err_t code) { return rd_kafka_err2str(code); }

Result<KafkaConfig> KafkaConfig::open(const Options& options) {
  auto url = net::parse_service_url(options.url, kKafkaPort);
  if (!url) return bad("url", url.error().message);
  CARILLON_CHECK(check(options, *url));
  KafkaConfig config;
  config.shown_ = url->shown_hosts();
  const bool is_tls = url->scheme == "kafkas";
  const bool has_sasl = !url->user.empty();
  const char* const plain = has_sasl ? "sasl_plaintext" : "plaintext";
  const char* const secure = has_sasl ? "sasl_ssl" : "ssl";
  config.properties_ = {
      {"bootstrap.servers", config.shown_},
      {"client.id", "carillon"},
      {"security.protocol", is_tls ? secure : plain},
      {"socket.timeout.ms", "10000"},
      {"socket.connection.setup.timeout.ms", "5000"},
      {"socket.keepalive.enable", "true"},
      {"socket.nagle.disable", "true"},
      {"reconnect.backoff.ms", "100"},  // with jitter, doubled up to
      {"reconnect.backoff.max.ms", "2000"},
      {"topic.metadata.refresh.interval.ms", "10000"},
      {"allow.auto.create.topics", "false"},
      {"log_level", "4"},
  };
  const auto add_file = [&](const char* property, const std::string& path) {
    if (!path.empty()) config.properties_.emplace_back(property, path);
  };
  if (is_tls) {
    config.properties_.emplace_back("ssl.endpoint.identification.algorithm", "https");
    add_file("ssl.ca.location", options.ca_file);
    add_file("ssl.certificate.location", options.certificate_file);
    add_file("ssl.key.location", options.key_file);
  }
  if (has_sasl) {
    config.properties_.emplace_back("sasl.mechanism", options.sasl);
    config.properties_.emplace_back("sasl.username", url->user);
    config.password_ = url->password.empty() ? options.password : url->password;
  }
  return config;
}

ConfPtr KafkaConfig::make(const Properties& more) const {
  ConfPtr conf(rd_kafka_conf_new());
  const auto set = [&](const char* name, const char* value) {
    std::array<char, 256> why{};
    const auto result = rd_kafka_conf_set(conf.get(), name, value, why.data(), why.size());
    if (result != RD_KAFKA_CONF_OK)
      base::log_error("kafka: the property {} is not known to librdkafka", name);
    CARILLON_ASSERT(result == RD_KAFKA_CONF_OK);
  };
  for (const auto* properties : {&properties_, &more}) {
    for (const auto& [name, value] : *properties) set(name.c_str(), value.c_str());
  }
  if (!password_.empty()) set("sasl.password", std::string(password_.reveal()).c_str());
  rd_kafka_conf_set_log_cb(conf.get(), log_line);
  return conf;
}

void destroy_in_time(std::move_only_function<void()> destroy) {
  std::promise<void> gone;
  auto is_gone = gone.get_future();
  std::thread thread([destroy = std::move(destroy), gone = std::move(gone)]() mutable {
    destroy();
    gone.set_value();
  });
  if (is_gone.wait_for(kDestroyMax) == std::future_status::ready) {
    thread.join();
  } else {
    base::log_warn("queue: a Kafka client does not end; it is left behind");
    leave_behind(std::move(thread));
  }
}

std::vector<model::Lane> all_lanes() {
  std::vector<model::Lane> lanes;
  for (std::size_t i = 0; i < model::kLaneCount; ++i) {
    lanes.push_back({static_cast<model::Queue>(i / model::kPriorityCount),
                     static_cast<model::Priority>(i % model::kPriorityCount)});
  }
  return lanes;
}

}  // namespace carillon::queue
