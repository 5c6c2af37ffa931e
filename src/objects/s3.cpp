// Objects in a bucket of S3, or of a server that speaks it (MinIO, Ceph, R2, …).
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/http_client.h"
#include "net/sigv4.h"
#include "objects/objects.h"

namespace carillon::objects {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kErrorMax = 64 * 1024;  // bytes of an error's document

// Signatures are checked by the server's clock, so it is the machine's that counts, not that of a test.
Time machine_now() { return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now()); }

bool is_bucket(std::string_view text) noexcept {
  return text.size() >= 3 && text.size() <= 63 && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

// What needs no encoding in a path, and does not climb.
bool is_prefix(std::string_view text) noexcept {
  return text.size() <= 256 && !text.contains("..") && !text.contains("//") && !text.starts_with('/') &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_' || c == '.' || c == '/';
         });
}

// The code of <Error><Code>…</Code>, for people; empty when there is none.
std::string_view error_code(std::string_view document) {
  constexpr std::string_view kOpen = "<Code>";
  const std::size_t begin = document.find(kOpen);
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = document.substr(begin + kOpen.size());
  return rest.substr(0, std::min<std::size_t>(rest.find('<'), 64));
}

Error error_of(const net::HttpResponse& response, std::string_view what) {
  const std::string_view code = error_code(response.body);
  const bool is_passing = response.status >= 500 || response.status == 429 || response.status == 408 ||
                          code == "RequestTimeout" || code == "SlowDown";
  const bool is_missing = response.status == 404 && code != "NoSuchBucket";
  const Errc errc = is_missing ? Errc::NotFound : is_passing ? Errc::Unavailable : Errc::FailedPrecondition;
  return Error{errc,
               fmt::format("the object store answered {} {} when asked to {}{}", response.status, code, what,
                           errc == Errc::FailedPrecondition ? ": check the objects settings" : "")};
}

class S3Objects final : public Objects {
 public:
  S3Objects(S3Options options, asio::any_io_executor executor)
      : executor_(std::move(executor)),
        base_(base_of(options)),
        ca_file_(std::move(options.ca_file)),
        signer_(net::AwsCredential{std::move(options.access_key_id), std::move(options.secret_access_key),
                                   std::move(options.session_token)},
                std::move(options.region), "s3"),
        http_(net::HttpClient::open(executor_)) {}

  Task<Result<void>> put(std::string name, std::shared_ptr<const net::Body> content,
                         base::Deadline deadline) override {
    net::HttpCall call;
    call.request.method = "PUT";
    call.content = std::move(content);
    auto response = co_await ask(std::move(call), std::move(name), deadline);
    if (!response) co_return std::unexpected(std::move(response.error()));
    if (response->status != 200) co_return std::unexpected(error_of(*response, "keep an object"));
    co_return Result<void>{};
  }

  Task<Result<std::string>> read(std::string name, std::uint64_t offset, std::size_t count,
                                 base::Deadline deadline) override {
    CARILLON_ASSERT(count > 0 && count <= kPieceMax);
    net::HttpCall call;
    call.request.headers.emplace_back("range", fmt::format("bytes={}-{}", offset, offset + count - 1));
    call.response_body_max = std::max(count, kErrorMax);
    auto response = co_await ask(std::move(call), std::move(name), deadline);
    if (!response) co_return std::unexpected(std::move(response.error()));
    if (response->status == 416) co_return std::string();  // behind the end
    if (response->status == 206 && response->body.size() <= count) co_return std::move(response->body);
    // A server that knows no ranges gives all of it.
    if (response->status == 200 && offset == 0 && response->body.size() <= count)
      co_return std::move(response->body);
    if (response->status == 200 || response->status == 206)
      co_return fail(Errc::Unavailable, "the object store gave more than it was asked for");
    co_return std::unexpected(error_of(*response, "give an object"));
  }

  Task<Result<void>> remove(std::string name, base::Deadline deadline) override {
    net::HttpCall call;
    call.request.method = "DELETE";
    auto response = co_await ask(std::move(call), std::move(name), deadline);
    if (!response) co_return std::unexpected(std::move(response.error()));
    if (response->status == 204 || response->status == 200) co_return Result<void>{};
    Error error = error_of(*response, "remove an object");
    if (error.code == Errc::NotFound) co_return Result<void>{};
    co_return std::unexpected(std::move(error));
  }

  // Writes: who may only read, or not know what is there, would be told nothing by anything less.
  Task<Result<void>> check(base::Deadline deadline) override {
    auto content = std::make_shared<const net::Body>(std::string("ok\n"));
    co_return co_await put("check", std::move(content), deadline);
  }

  [[nodiscard]] std::optional<std::string> presign(std::string_view name, const ShownAs& as,
                                                   std::chrono::seconds expires) const override {
    CARILLON_ASSERT(is_name(name));
    const std::string url =
        fmt::format("{}{}?response-content-disposition={}&response-content-type={}", base_, name,
                    net::percent_encode(as.disposition), net::percent_encode(as.type));
    auto signed_url = signer_.presign("GET", url, machine_now(),
                                      std::clamp(expires, std::chrono::seconds(1), net::SigV4::kExpiresMax));
    CARILLON_ASSERT(signed_url.has_value());  // base_ was read before
    return std::move(*signed_url);
  }

  Task<void> close() override {
    auto work = [this]() -> Task<void> { co_await http_->close(); };
    co_await asio::co_spawn(executor_, std::move(work), asio::use_awaitable);
  }

 private:
  static std::string base_of(const S3Options& o) {
    if (o.endpoint.empty())
      return fmt::format("https://{}.s3.{}.amazonaws.com/{}", o.bucket, o.region, o.prefix);
    if (o.is_path_style) return fmt::format("{}/{}/{}", o.endpoint, o.bucket, o.prefix);
    const std::size_t host = o.endpoint.find("://") + 3;
    return fmt::format("{}{}.{}/{}", o.endpoint.substr(0, host), o.bucket, o.endpoint.substr(host), o.prefix);
  }

  // The call to the object's address, signed and made on the backend's thread.
  Task<Result<net::HttpResponse>> ask(net::HttpCall call, std::string name, base::Deadline deadline) {
    CARILLON_CO_CHECK(check_name(name));
    call.url = base_ + name;
    call.ca_file = ca_file_;
    auto work = [this, call = std::move(call), deadline]() mutable -> Task<Result<net::HttpResponse>> {
      CARILLON_CO_CHECK(signer_.sign(call, machine_now()));
      auto response = co_await http_->call(std::move(call), deadline);
      if (response) co_return std::move(*response);
      co_return fail(Errc::Unavailable, "the object store did not answer: " + response.error().detail);
    };
    co_return co_await asio::co_spawn(executor_, std::move(work), asio::use_awaitable);
  }

  const asio::any_io_executor executor_;
  const std::string base_;  // with the prefix
  const std::string ca_file_;
  const net::SigV4 signer_;
  const std::unique_ptr<net::HttpClient> http_;
};

std::unexpected<Error> bad_url(std::string_view why) {
  return fail(Errc::InvalidArgument, fmt::format("objects.url: {}; write s3://bucket/prefix?endpoint=https://"
                                                 "s3.example.com&region=us-east-1",
                                                 why));
}

}  // namespace

Result<S3Options> parse_s3_url(std::string_view url) {
  constexpr std::string_view kScheme = "s3://";
  if (!url.starts_with(kScheme)) return bad_url("it does not begin with s3://");
  url.remove_prefix(kScheme.size());
  const std::size_t question = std::min(url.find('?'), url.size());
  const std::string_view place = url.substr(0, question);
  const std::size_t slash = std::min(place.find('/'), place.size());
  S3Options options;
  options.bucket = place.substr(0, slash);
  options.prefix = place.substr(std::min(slash + 1, place.size()));
  if (!options.prefix.empty() && !options.prefix.ends_with('/')) options.prefix += '/';
  if (!is_bucket(options.bucket)) return bad_url("a bucket has 3 to 63 of a-z, 0-9, '-' and '.'");
  if (!is_prefix(options.prefix)) return bad_url("a prefix has letters, digits, '-', '_', '.' and '/'");
  auto fields = net::form_decode(url.substr(std::min(question + 1, url.size())));
  if (!fields) return bad_url("the part after '?' has a malformed escape");
  for (auto& [name, value] : *fields) {
    if (name == "endpoint") {
      while (value.ends_with('/')) value.pop_back();
      const auto endpoint = net::parse_url(value);
      const bool is_http = endpoint && (endpoint->scheme == "https" || endpoint->scheme == "http");
      if (!is_http || endpoint->path != "/") return bad_url("endpoint is https://host or https://host:port");
      options.endpoint = value;
    } else if (name == "region" && !value.empty() && value.size() <= 64) {
      options.region = value;
    } else if (name == "path_style" && (value == "true" || value == "false")) {
      options.is_path_style = value == "true";
    } else {
      return bad_url("after '?' there may be endpoint, region and path_style=true|false");
    }
  }
  return options;
}

Result<std::unique_ptr<Objects>> open_s3(S3Options options, asio::any_io_executor executor) {
  return std::make_unique<S3Objects>(std::move(options), std::move(executor));
}

}  // namespace carillon::objects
