// CPU per message of the providers on HTTP/2 against the simulator over TLS, of h2load against the same
// simulator, and of building and reading alone.
// Usage: push_bench [apns|fcm|hms|all] [messages] [in flight] [connections]
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <fstream>

#include "net/http_client.h"
#include "providers/apns.h"
#include "providers/fcm.h"
#include "providers/hms.h"
#include "providers/load_bench.h"

namespace carillon::providers {
namespace {

namespace asio = boost::asio;

using bench::cpu_us;
using bench::read_file;

// A vendor: how to ask it, alone, through its provider and through h2load.
struct Vendor {
  std::string name;
  model::Platform platform = model::Platform::Android;
  std::unique_ptr<PushRules> rules;
  std::string origin, settings, authorization;
  net::Headers answer_headers;
  std::string answer;  // a good one
};

Job job_of(const Vendor& vendor, std::size_t i) {
  static const auto message = [] {
    auto m = std::make_shared<model::Message>();
    m->title = "Your order is on its way";
    m->body = "Order 1234567 left our warehouse and should be with you tomorrow between nine and twelve.";
    m->sound = "default";
    m->badge = 1;
    m->data = R"({"order":"1234567","screen":"order_details"})";
    return m;
  }();
  Job job;
  job.delivery = static_cast<std::int64_t>(0x0123456789abcdef + i);
  job.notification = 0x0123456789abcdee;
  job.target.platform = vendor.platform;
  job.target.address = fmt::format("{:064x}", i * 0x9E3779B97F4A7C15ULL);
  if (vendor.name == "apns") {
    job.target.bundle = "com.example.app";
    job.target.environment = "production";
  }
  job.message = message;
  return job;
}

double run_provider(const Vendor& vendor, std::size_t total, std::size_t window) {
  asio::io_context io(1);
  const auto work = asio::make_work_guard(io);
  base::SystemClock clock;
  Context context;
  context.executor = io.get_executor();
  context.clock = &clock;
  const auto provider = bench::open(vendor.name, vendor.settings, context);
  const auto run = [&](std::size_t count) {
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < window; ++i) jobs.push_back(job_of(vendor, i));
    return bench::Load(io, *provider, std::move(jobs), count).run();
  };
  run(10 * window);
  const double cpu = cpu_us(RUSAGE_THREAD);
  const auto start = std::chrono::steady_clock::now();
  const std::size_t bad = run(total);
  const double us = (cpu_us(RUSAGE_THREAD) - cpu) / static_cast<double>(total);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  fmt::print("{}: {:.2f} us/message, {:.0f}/s, {} bad\n", vendor.name, us,
             static_cast<double>(total) / wall.count(), bad);
  bench::close(io, *provider);
  return us;
}

double run_h2load(const std::string& folder, const Vendor& vendor, std::size_t total, std::size_t window,
                  std::size_t connections) {
  PushRequest request;
  const Job job = job_of(vendor, 1);  // the fields point into it
  static_cast<void>(vendor.rules->build(job, false, request));
  std::ofstream(folder + "/body") << request.body;
  std::ofstream uris(folder + "/uris");
  for (std::size_t i = 0; i < window; ++i) {
    PushRequest other;
    const Job another = job_of(vendor, i);
    static_cast<void>(vendor.rules->build(another, false, other));
    uris << vendor.origin << other.path << '\n';
  }
  uris.close();
  std::string headers = "-H 'authorization: " + vendor.authorization + "'";
  for (std::size_t i = 0; i < request.field_count; ++i) {
    headers += fmt::format(" -H '{}: {}'", request.fields[i].name, request.fields[i].value);
  }
  const double cpu = cpu_us(RUSAGE_CHILDREN);
  const std::string command =
      fmt::format("h2load -t1 -n{} -c{} -m{} -d {}/body -i {}/uris {} | grep -E 'requests:|status codes:'",
                  total, connections, window / connections, folder, folder, headers);
  std::fflush(stdout);
  const int status = std::system(command.c_str());
  const double us = (cpu_us(RUSAGE_CHILDREN) - cpu) / static_cast<double>(total);
  fmt::print("h2load: {:.2f} us/message (status {})\n", us, status);
  return us;
}

void run_pure(const Vendor& vendor) {
  const Job job = job_of(vendor, 1);
  PushRequest request;
  constexpr std::size_t kCount = 1'000'000;
  const net::Http2Response response{200, vendor.answer, vendor.answer_headers};
  std::size_t sum = 0;
  const double cpu = cpu_us(RUSAGE_THREAD);
  for (std::size_t i = 0; i < kCount; ++i) {
    request.clear();
    static_cast<void>(vendor.rules->build(job, false, request));
    sum += request.body.size() + vendor.rules->classify(response, Time{}).outcome.provider_id.size();
  }
  fmt::print("{}: build + classify {:.3f} us/message ({} bytes each)\n", vendor.name,
             (cpu_us(RUSAGE_THREAD) - cpu) / static_cast<double>(kCount), sum / kCount);
}

std::string text(base::JsonElement e, std::string_view key) {
  return std::string(e[key].get_string().value());
}

// The access token a form buys, as an authorization header.
std::string buy_token(const std::string& url, std::string form) {
  asio::io_context io(1);
  std::string token;
  const auto client = net::HttpClient::open(io.get_executor());
  auto ask = [&]() -> Task<void> {
    net::HttpCall call;
    call.url = url;
    call.request.method = "POST";
    call.request.headers.emplace_back("content-type", "application/x-www-form-urlencoded");
    call.request.body = std::move(form);
    const auto response =
        co_await client->call(std::move(call), base::Deadline::after(std::chrono::seconds(5)));
    base::JsonDocument document;
    token = "Bearer " + text(*document.parse(response->body), "access_token");
    co_await client->close();
  };
  asio::co_spawn(io, ask, [](std::exception_ptr) {});
  io.run();
  return token;
}

// Opens the object of the settings all of them share.
void begin_settings(base::JsonWriter& out, base::JsonElement all, base::JsonElement own,
                    std::size_t connections) {
  out.object().field("endpoint", text(own, "endpoint")).field("ca_file", text(all, "ca_file"));
  out.field("connections", static_cast<std::int64_t>(connections)).field("max_in_flight", 100'000);
}

Vendor make_apns(base::JsonElement all, std::size_t connections) {
  const base::JsonElement apns = all["apns"].value();
  apns_detail::Options account;
  account.team_id = text(apns, "team_id");
  account.key_id = text(apns, "key_id");
  account.private_key = base::Secret(read_file(text(apns, "key_file")));
  base::JsonWriter settings;
  begin_settings(settings, all, apns, connections);
  settings.field("team_id", account.team_id).field("key_id", account.key_id);
  settings.field("private_key", account.private_key.reveal()).end_object();
  return {.name = "apns",
          .platform = model::Platform::Ios,
          .rules = std::make_unique<apns_detail::Rules>("com.example.app", "production"),
          .origin = text(apns, "endpoint"),
          .settings = settings.str(),
          .authorization = *apns_detail::Token::shared(account)->value(base::SystemClock().now()).value(),
          .answer_headers = {{"apns-id", "01234567-89ab-8cde-af00-000000000000"}},
          .answer = {}};
}

Vendor make_fcm(base::JsonElement all, std::size_t connections) {
  const base::JsonElement fcm = all["fcm"].value();
  const std::string file = read_file(text(fcm, "service_account_file"));
  const auto account = fcm_detail::ServiceAccount::read(base::Secret(file)).value();
  const std::string form =
      net::form_encode({{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                        {"assertion", account.assertion(base::SystemClock().now()).value()}});
  base::JsonWriter settings;
  begin_settings(settings, all, fcm, connections);
  settings.field("service_account", file).end_object();
  return {.name = "fcm",
          .platform = model::Platform::Android,
          .rules = std::make_unique<fcm_detail::Rules>(account.project_id),
          .origin = text(fcm, "endpoint"),
          .settings = settings.str(),
          .authorization = buy_token(account.token_uri, form),
          .answer_headers = {},
          .answer = R"({"name":"projects/carillon-sim/messages/0:1790000000000%0123456789abcdef"})"};
}

Vendor make_hms(base::JsonElement all, std::size_t connections) {
  const base::JsonElement hms = all["hms"].value();
  hms_detail::Options account;
  account.app_id = text(hms, "app_id");
  const std::string secret = text(hms, "app_secret");
  const std::string form = net::form_encode(
      {{"grant_type", "client_credentials"}, {"client_id", account.app_id}, {"client_secret", secret}});
  base::JsonWriter settings;
  begin_settings(settings, all, hms, connections);
  settings.field("app_id", account.app_id).field("app_secret", secret);
  settings.field("token_url", text(hms, "token_url")).end_object();
  return {.name = "hms",
          .platform = model::Platform::Android,
          .rules = std::make_unique<hms_detail::Rules>(account),
          .origin = text(hms, "endpoint"),
          .settings = settings.str(),
          .authorization = buy_token(text(hms, "token_url"), form),
          .answer_headers = {},
          .answer = R"({"code":"80000000","msg":"Success","requestId":"1790000000000000001"})"};
}

void compare(const std::string& folder, const Vendor& vendor, std::size_t total, std::size_t window,
             std::size_t connections) {
  run_pure(vendor);
  for (int round = 0; round < 3; ++round) {
    const double ours = run_provider(vendor, total, window);
    const double theirs = run_h2load(folder, vendor, total, window, connections);
    fmt::print("h2load / {} = {:.0f} %\n", vendor.name, 100.0 * theirs / ours);
  }
}

int run(std::string_view which, std::size_t total, std::size_t window, std::size_t connections) {
  const bench::TemporaryFolder folder;
  sim::SimOptions options = bench::counting(folder.path());
  options.apns_streams_at_first = 1000;  // h2load counts streams refused at first as failures
  const auto sim = std::move(sim::Sim::open(options).value());
  base::JsonDocument document;
  const base::JsonElement all = *document.parse(sim->description());
  const std::pair<std::string_view, Vendor (*)(base::JsonElement, std::size_t)> vendors[] = {
      {"apns", make_apns}, {"fcm", make_fcm}, {"hms", make_hms}};
  for (const auto& [name, make] : vendors) {
    if (which == "all" || which == name)
      compare(folder.path(), make(all, connections), total, window, connections);
  }
  return 0;
}

}  // namespace
}  // namespace carillon::providers

int main(int argc, char** argv) {
  const carillon::providers::bench::Arguments argument{argc, argv};
  return carillon::providers::run(argc > 1 ? argv[1] : "apns", argument(2, 200'000), argument(3, 200),
                                  argument(4, 1));
}
