// A submission server as the simulator plays it (PROVIDERS §7): RFC 5321 with PIPELINING, SIZE, 8BITMIME,
// SMTPUTF8, ENHANCEDSTATUSCODES, STARTTLS and AUTH.
#pragma once

#include <memory>

#include "sim/context.h"
#include "sim/listener.h"

namespace carillon::sim {

struct SmtpOptions {
  std::int64_t size_max = 25 << 20;  // bytes of one mail
  bool requires_auth = true;
  bool requires_starttls = false;  // before AUTH and MAIL
};

// `context` must outlive the result. Errors: as Listener::open · InvalidArgument (certificate).
Result<std::unique_ptr<Listener>> open_smtp_server(std::vector<boost::asio::io_context*> contexts,
                                                   const std::string& host, std::uint16_t port,
                                                   Context& context, SmtpOptions options);

// The reserved addresses of CONTRACT §6; `None` for another domain, Bounce for another name in it.
[[nodiscard]] Reserved reserved_address(std::string_view address) noexcept;

}  // namespace carillon::sim
