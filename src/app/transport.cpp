#include "app/transport.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "app/control.h"
#include "net/http_client.h"

extern char** environ;

namespace carillon::app {
namespace {

constexpr std::chrono::seconds kRemotePatience{60};
constexpr std::size_t kAnswerMax = 64 * 1024 * 1024;  // bytes; as on the control socket

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

bool has_store(const AppOptions& options) {
  if (!options.store.url.empty()) return true;  // elsewhere: opening it says what is wrong
  std::error_code ec;
  return std::filesystem::exists(options.data + "/carillon.db", ec);
}

}  // namespace

bool makes_store(std::string_view method, std::string_view target) noexcept {
  if (method == "PUT") return true;
  return method == "POST" && (target == "/v1/apps" || target == "/v1/keys");
}

std::string join_url(std::string_view base, std::string_view target) {
  while (base.ends_with('/')) base.remove_suffix(1);
  return fmt::format("{}{}", base, target);
}

Transport::Transport(CommandLine line) : line_(std::move(line)) {}
Transport::~Transport() = default;

Result<const AppOptions*> Transport::options() {
  if (!options_) { CARILLON_TRY(options_, load_options(line_, environ)); }
  return &*options_;
}

Result<net::HttpResponse> Transport::call(std::string method, std::string target, std::string body,
                                          std::string type) {
  net::HttpRequest request{std::move(method), std::move(target), {}, std::move(body)};
  if (!request.body.empty()) request.headers.emplace_back("content-type", std::move(type));
  if (!line_.project.empty()) request.headers.emplace_back("carillon-project", line_.project);
  if (is_remote()) way_ = Way::Remote;
  return way_ == Way::Remote ? call_remote(std::move(request)) : call_local(std::move(request));
}

bool Transport::is_remote() const { return line_.data.empty() && !variable("CARILLON_URL").empty(); }

Result<net::HttpResponse> Transport::call_remote(net::HttpRequest request) {
  const base::Secret token(variable("CARILLON_TOKEN"));
  if (token.empty()) {
    return fail(Errc::InvalidArgument,
                "CARILLON_URL is set but CARILLON_TOKEN is not; make a token on the server with: "
                "carillon key create NAME --management --scopes admin");
  }
  net::HttpCall call;
  call.url = join_url(variable("CARILLON_URL"), request.target);
  call.response_body_max = kAnswerMax;
  call.request = std::move(request);
  call.request.headers.emplace_back("authorization", fmt::format("Bearer {}", token.reveal()));
  if (const auto url = net::parse_url(call.url); !url) {
    return fail(Errc::InvalidArgument, "CARILLON_URL is no URL; write https://notify.example.com");
  }
  boost::asio::io_context context(1);
  auto client = net::HttpClient::open(context.get_executor());
  auto answer = boost::asio::co_spawn(
      context,
      [&client, &call]() -> Task<net::TransportResult<net::HttpResponse>> {
        auto result = co_await client->call(std::move(call), base::Deadline::after(kRemotePatience));
        co_await client->close();
        co_return result;
      },
      boost::asio::use_future);
  context.run();
  auto result = answer.get();
  if (result) return std::move(*result);
  return fail(Errc::Unavailable,
              fmt::format("no answer from {}: {}", variable("CARILLON_URL"), result.error().detail));
}

Result<net::HttpResponse> Transport::call_local(net::HttpRequest request) {
  CARILLON_TRY(const AppOptions* const options, this->options());
  if (!node_) {
    CARILLON_TRY(auto answer, control_call(options->data, request));
    if (answer) {
      way_ = Way::Socket;
      return std::move(*answer);
    }
    CARILLON_CHECK(open_store(request));
  }
  return node_->call(std::move(request));
}

Result<void> Transport::open_store(const net::HttpRequest& request) {
  if (!has_store(*options_)) {
    if (!makes_store(request.method, request.target)) {
      return fail(Errc::NotFound,
                  fmt::format("there is no store in {}; start `carillon serve` there, or give --data DIR",
                              options_->data));
    }
    std::fprintf(stderr, "carillon: making a new store in %s\n", options_->data.c_str());
  }
  CARILLON_TRY(node_, Node::open(*options_, Role::Administer));
  way_ = Way::Store;
  return {};
}

}  // namespace carillon::app
