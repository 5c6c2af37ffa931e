// What one request costs the HTTP server: serves POSTs with a small answer until its time is over and
// prints requests and CPU time per request. From the repository's root, after `ninja carillon_net`
// (BUILD is the build folder):
//
//   clang++-19 -std=c++23 -O2 -Isrc src/net/http_server_bench.cpp -LBUILD -lcarillon_net -lcarillon_base \
//     -lfmt -lspdlog -lsimdjson -lssl -lcrypto -lpthread -o http_server_bench
//   taskset -c 0 ./http_server_bench 18080 5 &
//   taskset -c 1 wrk -t1 -c64 -d3s -s post.lua http://127.0.0.1:18080/v1/notifications
//
// post.lua sets wrk.method = "POST" and a wrk.body of about 400 bytes.
// An optional third argument `suspend` makes the handler suspend once per request.
#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "net/http_server.h"

namespace {

double cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace carillon;
  namespace asio = boost::asio;
  asio::io_context context(1);
  net::HttpServerOptions options;
  options.port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 18080);
  const int seconds = argc > 2 ? std::atoi(argv[2]) : 5;
  const bool suspends = argc > 3 && std::string_view(argv[3]) == "suspend";
  std::uint64_t requests = 0;
  auto server = net::HttpServer::open(
      {context.get_executor()}, options,
      [&](net::HttpRequest request, net::HttpPeer) -> Task<net::HttpResponse> {
        ++requests;
        if (suspends) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
        net::HttpResponse response;
        response.status = request.body.empty() ? 400 : 202;
        response.headers.emplace_back("Content-Type", "application/json");
        response.body =
            R"({"id":"ntf_0123456789abc","status":"sending","duplicate":false,"event_id":"x-123456"})";
        co_return response;
      });
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  const double before = cpu_us();
  context.run_for(std::chrono::seconds(seconds));
  const double spent = cpu_us() - before;
  server->reset();
  const double n = requests == 0 ? 1 : static_cast<double>(requests);
  std::printf("%llu requests, %.2f us of CPU each\n", static_cast<unsigned long long>(requests), spent / n);
  return 0;
}
