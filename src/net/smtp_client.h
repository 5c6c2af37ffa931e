// SMTP submission (RFC 5321, STARTTLS RFC 3207, AUTH RFC 4954, PIPELINING RFC 2920) on Asio.
//
// Part of HttpClient; not included elsewhere. Own code because libcurl 7.88 waits for the answer to
// the end of data inside smtp_done(), blocking the executor for as long as the server scans the mail.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "net/http_client.h"
#include "net/tls_client.h"

namespace carillon::net {

class SmtpSession;

// Keeps connections per server and credential. All calls on its executor.
class SmtpClient {
 public:
  explicit SmtpClient(boost::asio::any_io_executor executor);
  ~SmtpClient();

  // See HttpClient::mail().
  Task<TransportResult<SmtpReply>> mail(SmtpMail mail, base::Deadline deadline);
  // Ends running mails and drops kept connections.
  Task<void> close();

 private:
  struct Idle {
    std::string key;
    SteadyTime since;
    std::unique_ptr<SmtpSession> session;
  };
  std::unique_ptr<SmtpSession> take_idle(const std::string& key);
  void keep(std::string key, std::unique_ptr<SmtpSession> session);
  Task<TransportResult<SmtpReply>> run(SmtpSession& session, const SmtpMail& mail, base::Deadline deadline);
  Result<std::shared_ptr<const TlsContext>> tls_of(const std::string& ca_file);

  boost::asio::any_io_executor executor_;
  std::list<Idle> idle_;  // oldest first
  std::list<SmtpSession*> running_;
  std::map<std::string, std::shared_ptr<const TlsContext>> tls_;  // by ca_file
  bool is_closed_ = false;
};

}  // namespace carillon::net
