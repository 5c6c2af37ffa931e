// HTTP/1.1 for vendors that have to misbehave: reset connections, stay silent, answer late.
//
// net::HttpServer always answers; this one does what the handler says. One request of a connection at a
// time, in order.
#pragma once

#include <functional>
#include <memory>

#include "net/http.h"
#include "sim/listener.h"

namespace carillon::sim {

// What to do with a request once it was read.
struct H1Answer {
  enum class Kind : std::uint8_t { Respond, Reset, Silent } kind = Kind::Respond;
  net::HttpResponse response;
  Millis delay{0};
};
using H1Handler = std::function<H1Answer(const net::HttpRequest& request)>;

// Bodies up to 32 MB. `handler` is called on several threads at a time. Errors: as Listener::open.
Result<std::unique_ptr<Listener>> open_h1_server(std::string name,
                                                 std::vector<boost::asio::io_context*> contexts,
                                                 const std::string& host, std::uint16_t port,
                                                 H1Handler handler);

}  // namespace carillon::sim
