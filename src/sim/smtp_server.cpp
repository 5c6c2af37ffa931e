#include "sim/smtp_server.h"

#include "sim/smtp_session.h"

namespace carillon::sim {
namespace {

using boost::asio::ip::tcp;
namespace ssl = boost::asio::ssl;

// What all sessions share.
struct Server {
  Context& context;
  const SmtpOptions options;
  ssl::context tls{ssl::context::tls_server};
};

Task<void> serve(tcp::socket& socket, Server& server) {
  SmtpSession session(socket, server.tls, server.context, server.options);
  co_await session.run();
}

}  // namespace

Reserved reserved_address(std::string_view address) noexcept {
  constexpr std::string_view kDomain = "@sandbox.carillon.test";
  if (!address.ends_with(kDomain)) return Reserved::None;
  std::string_view name = address.substr(0, address.size() - kDomain.size());
  name = name.substr(0, name.find('+'));  // sub-addresses act like their name
  if (name == "ok") return Reserved::Ok;
  if (name == "complaint") return Reserved::Complaint;
  if (name == "tempfail") return Reserved::TempFail;
  if (name == "slow") return Reserved::Slow;
  if (name == "unknown") return Reserved::Unknown;
  return Reserved::Bounce;
}

Result<std::unique_ptr<Listener>> open_smtp_server(std::vector<boost::asio::io_context*> contexts,
                                                   const std::string& host, std::uint16_t port,
                                                   Context& context, SmtpOptions options) {
  auto server = std::make_shared<Server>(Server{.context = context, .options = options});
  boost::system::error_code error;
  server->tls.use_certificate_chain_file(context.credentials.server_certificate_file, error);
  if (!error) server->tls.use_private_key_file(context.credentials.server_key_file, ssl::context::pem, error);
  if (error) return fail(Errc::InvalidArgument, "cannot use the simulator's certificate: " + error.message());
  return Listener::open("sim smtp", std::move(contexts), host, port,
                        [server](tcp::socket& socket) { return serve(socket, *server); });
}

}  // namespace carillon::sim
