// HTTP/1.1 client on libcurl's multi interface and an SMTP client of our own, both driven by Asio.
//
// HTTP/2 is never negotiated here: Debian 12's libcurl resets every POST stream (DESIGN §5). Nor does
// it send mail: it blocks its thread until the server has answered the end of data (smtp_done()).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "net/body.h"
#include "net/http.h"

namespace carillon::net {

struct HttpCall {
  std::string url;  // absolute
  HttpRequest request;  // target is ignored; the url is used
  std::shared_ptr<const Body> content{};  // when set, sent in the place of request.body, read as it leaves
  std::string user;     // HTTP Basic when not empty
  base::Secret password;
  std::string ca_file;
  std::size_t response_body_max = 1024 * 1024;
  // For a URL that somebody configured: connects to addresses out in the world only (public_address.h),
  // whatever the name resolves to, and through no proxy. Calls with and without it do not share a client:
  // kept connections would mix.
  bool is_public_only = false;
};

struct SmtpMail {
  std::string url;        // smtp://host:587 or smtps://host:465
  bool require_starttls = false;
  std::string ca_file;
  std::string user;       // AUTH when not empty
  base::Secret password;
  std::string hello;      // EHLO name; empty: this host's
  std::string mail_from;  // envelope, no angle brackets
  std::vector<std::string> recipients;
  std::string content;    // complete RFC 5322 message, CRLF line ends; dot-stuffing is done here
  // What follows `content`, which then ends with CRLF, read as it leaves: lines ended by CRLF of which none
  // begins with a dot. Null: nothing.
  std::shared_ptr<const Body> rest{};
  // Only connects, logs in and names the sender; no mail is sent. Phase Done: all of that was accepted.
  bool verify_only = false;
};

struct SmtpReply {
  int code = 0;          // the reply that decided: 250, 550, …
  std::string enhanced;  // "5.1.1" when the text starts with one (RFC 3463)
  std::string text;      // vendor's wording, last line, at most 500 bytes
  enum class Phase { Connect, Auth, MailFrom, Recipient, Data, Done } phase = Phase::Connect;
};

// Connections are kept and reused per origin and credential. All calls on its executor.
class HttpClient {
 public:
  static std::unique_ptr<HttpClient> open(boost::asio::any_io_executor executor);
  virtual ~HttpClient() = default;

  // One request and its response, redirects not followed. Cancelling the task or passing `deadline`
  // closes the connection; the error says NotSent or Ambiguous.
  virtual Task<TransportResult<HttpResponse>> call(HttpCall call, base::Deadline deadline) = 0;

  // One mail. A reply of the server, good or bad, is the value; TransportError::NotSent before the
  // end of data was handed to the socket, Ambiguous after it.
  virtual Task<TransportResult<SmtpReply>> mail(SmtpMail mail, base::Deadline deadline) = 0;

  virtual Task<void> close() = 0;
};

}  // namespace carillon::net
