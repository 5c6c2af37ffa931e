#include "providers/smtp.h"

#include <fmt/format.h>

#include <algorithm>

#include "providers/calls.h"
#include "providers/catalog.h"
#include "providers/letter.h"

namespace carillon::providers {
namespace smtp_detail {
namespace {

using model::Outcome;
using model::OutcomeKind;
using Phase = net::SmtpReply::Phase;

constexpr std::size_t kInFlightDefault = 20;  // connections
constexpr std::string_view kQueuedAs = "queued as ";

constexpr StatusRow kStatuses[] = {
    {"1.0", OutcomeKind::InvalidRecipient, "Something is wrong with the address."},
    {"1.1", OutcomeKind::InvalidRecipient, "The mailbox does not exist."},
    {"1.2", OutcomeKind::InvalidRecipient, "The domain does not exist or takes no mail."},
    {"1.3", OutcomeKind::InvalidRecipient, "The address is not valid."},
    {"1.4", OutcomeKind::InvalidRecipient, "The address is ambiguous."},
    {"1.6", OutcomeKind::InvalidRecipient, "The mailbox has moved."},
    {"1.7", OutcomeKind::Misconfigured, "The sender's address is not valid."},
    {"1.8", OutcomeKind::Misconfigured, "The sender's domain does not exist or takes no mail."},
    {"1.10", OutcomeKind::InvalidRecipient, "The domain accepts no mail."},
    {"2.1", OutcomeKind::InvalidRecipient, "The mailbox is disabled."},
    {"2.2", OutcomeKind::Temporary, "The mailbox is full."},
    {"2.3", OutcomeKind::Permanent, "The message is too large for the mailbox."},
    {"2.4", OutcomeKind::Temporary, "The mailing list could not be expanded."},
    {"3.1", OutcomeKind::Temporary, "The mail system is full."},
    {"3.2", OutcomeKind::Temporary, "The system accepts no messages now."},
    {"3.3", OutcomeKind::Permanent, "The system cannot do what the message needs."},
    {"3.4", OutcomeKind::Permanent, "The message is too large."},
    {"3.5", OutcomeKind::Temporary, "The system is not configured correctly."},
    {"4.1", OutcomeKind::Temporary, "No answer from the host."},
    {"4.2", OutcomeKind::Temporary, "A bad connection."},
    {"4.3", OutcomeKind::Temporary, "The directory could not be asked."},
    {"4.4", OutcomeKind::InvalidRecipient, "There is no route to the domain."},
    {"4.5", OutcomeKind::Temporary, "The mail system is congested."},
    {"4.6", OutcomeKind::Permanent, "A routing loop."},
    {"4.7", OutcomeKind::Permanent, "The message expired on its way."},
    {"5.3", OutcomeKind::Temporary, "Too many recipients."},
    {"5.*", OutcomeKind::Permanent, "The server did not accept a command."},
    {"6.*", OutcomeKind::Permanent, "The content is not accepted."},
    // Policy speaks about the sender and the content: the address stays good.
    {"7.1", OutcomeKind::Permanent, "Refused by policy."},
    {"7.8", OutcomeKind::Misconfigured, "The credentials are not valid."},
    {"7.9", OutcomeKind::Misconfigured, "The authentication mechanism is too weak."},
    {"7.20", OutcomeKind::Misconfigured, "No passing DKIM signature."},
    {"7.21", OutcomeKind::Misconfigured, "No acceptable DKIM signature."},
    {"7.22", OutcomeKind::Misconfigured, "No DKIM signature of the author's domain."},
    {"7.23", OutcomeKind::Misconfigured, "SPF validation failed."},
    {"7.24", OutcomeKind::Misconfigured, "SPF could not be validated."},
    {"7.25", OutcomeKind::Misconfigured, "Reverse DNS validation failed."},
    {"7.26", OutcomeKind::Misconfigured, "Neither SPF nor DKIM passed."},
    {"7.*", OutcomeKind::Permanent, "Refused for security or policy."},
};

const StatusRow* find_status(std::string_view enhanced) noexcept {
  if (enhanced.size() < 5) return nullptr;  // "5.1.1"
  const std::string_view code = enhanced.substr(2);
  const std::string_view subject = code.substr(0, code.find('.'));
  const auto* const row = std::ranges::find_if(kStatuses, [&](const StatusRow& r) {
    return r.code == code || (r.code.ends_with(".*") && r.code.substr(0, r.code.size() - 2) == subject);
  });
  return row == std::end(kStatuses) ? nullptr : row;
}

bool is_about_login(int code) noexcept { return code == 530 || code == 534 || code == 535 || code == 538; }

// A refusal for good without an enhanced code (RFC 5321 §4.2.3).
OutcomeKind kind_of_code(int code, Phase phase) noexcept {
  if (is_about_login(code) || phase == Phase::Auth) return OutcomeKind::Misconfigured;
  if (phase == Phase::Connect)
    return OutcomeKind::Temporary;  // "no service here" is said of the host, not of a mail
  if (phase == Phase::MailFrom && (code == 550 || code == 553 || code == 554))
    return OutcomeKind::Misconfigured;
  if (phase == Phase::Recipient && (code == 550 || code == 551 || code == 553))
    return OutcomeKind::InvalidRecipient;
  if (phase == Phase::Recipient && code == 552) return OutcomeKind::Temporary;  // mailbox full
  return OutcomeKind::Permanent;
}

std::string domain_of(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string() : std::string(address.substr(at + 1));
}

bool is_loopback(std::string_view host) noexcept {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

class SmtpProvider final : public Provider {
 public:
  static Result<std::unique_ptr<Provider>> create(Options options, CommonOptions common,
                                                  const Context& context) {
    const auto url = net::parse_url(common.endpoint);
    if (!url || (url->scheme != "smtp" && url->scheme != "smtps")) {
      return fail(Errc::InvalidArgument, "endpoint must be smtp://host:587 or smtps://host:465");
    }
    if (!is_plain_mailbox(options.from_email))
      return fail(Errc::InvalidArgument, "from_email is not an address");
    std::optional<DkimSigner> signer;
    const bool has_all = !options.dkim_domain.empty() && !options.dkim_selector.empty();
    if (!options.dkim_private_key.empty() || has_all) {
      if (!has_all || options.dkim_private_key.empty()) {
        return fail(Errc::InvalidArgument, "dkim_domain, dkim_selector and dkim_private_key belong together");
      }
      CARILLON_TRY(signer,
                   DkimSigner::open(options.dkim_domain, options.dkim_selector, options.dkim_private_key));
    }
    const bool must_encrypt = url->scheme == "smtp" && options.starttls && !is_loopback(url->host);
    return std::make_unique<SmtpProvider>(std::move(options), std::move(common), context, std::move(signer),
                                          must_encrypt);
  }

  SmtpProvider(Options options, CommonOptions common, const Context& context,
               std::optional<DkimSigner> signer, bool must_encrypt)
      : options_(std::move(options)),
        common_(std::move(common)),
        signer_(std::move(signer)),
        must_encrypt_(must_encrypt),
        http_(net::HttpClient::open(context.executor)),
        calls_(context.executor, "smtp", slots_of(common_, kInFlightDefault)) {
    hello_ = options_.hello.empty() ? context.hello_name : options_.hello;
    // The same for every attempt and server: receivers drop repetitions by it.
    domain_ = hello_.empty() ? domain_of(options_.from_email) : hello_;
  }

  void send(std::span<Job* const> jobs, JobSink& sink, base::Deadline deadline) override {
    for (Job* job : jobs) {
      if (calls_.begin([this, job, &sink, deadline] { return run(*job, sink, deadline); })) continue;
      sink.finished(*job, Outcome::not_sent("the integration is closing"));
    }
  }
  [[nodiscard]] std::size_t free_slots() const noexcept override { return calls_.free(); }

  Task<TestReport> test(base::Deadline deadline) override {
    net::SmtpMail mail = envelope(options_.from_email);
    mail.verify_only = true;
    const auto reply = co_await http_->mail(std::move(mail), deadline);
    if (!reply) co_return TestReport{false, "The server could not be used: " + reply.error().detail};
    if (reply->phase == Phase::Done) {
      co_return TestReport{true, "The server accepted the connection, the credentials and the sender."};
    }
    co_return TestReport{false, fmt::format("The server answered {} {}", reply->code, reply->text)};
  }
  Task<void> close(base::Deadline) override {
    co_await calls_.close();
    co_await http_->close();
  }

 private:
  net::SmtpMail envelope(const std::string& from) const {
    net::SmtpMail mail;
    mail.url = common_.endpoint;
    mail.require_starttls = must_encrypt_;
    mail.ca_file = common_.ca_file;
    mail.user = options_.username;
    mail.password = options_.password;
    mail.hello = hello_;
    mail.mail_from = from;
    return mail;
  }

  Task<void> run(Job& job, JobSink& sink, base::Deadline deadline) {
    if (!is_plain_mailbox(job.target.address)) {
      sink.finished(job, Outcome::of(OutcomeKind::InvalidRecipient, 0, "5.1.3", "not an e-mail address"));
      co_return;
    }
    const Mail content = mail_of(job, options_, domain_);
    net::SmtpMail mail = envelope(content.from_email);
    mail.recipients.push_back(job.target.address);
    for (const auto* copies : {&job.message->cc, &job.message->bcc}) {
      std::ranges::copy_if(*copies, std::back_inserter(mail.recipients), is_plain_mailbox);
    }
    WrittenMail written = write_mail(content);
    mail.content = std::move(written.begin);
    mail.rest = std::move(written.rest);
    if (signer_) {
      auto signature = signer_->sign(mail.content, job.now, mail.rest.get());
      if (!signature) {
        sink.finished(job, Outcome::of(OutcomeKind::Misconfigured, 0, "dkim", signature.error().message));
        co_return;
      }
      mail.content.insert(0, *signature);
    }
    const auto reply = co_await http_->mail(std::move(mail), deadline);
    if (reply) {
      const LetterSender sender = sender_of(*job.message, options_.from_email, options_.from_name);
      sink.finished(job, classify(*reply, content.message_id, sender.is_asked));
    } else if (reply.error().failure == net::SendFailure::NotSent) {
      sink.finished(job, Outcome::not_sent(reply.error().detail));
    } else {
      sink.finished(job, Outcome::ambiguous(reply.error().detail));
    }
  }

  const Options options_;
  const CommonOptions common_;
  const std::optional<DkimSigner> signer_;
  const bool must_encrypt_;
  const std::unique_ptr<net::HttpClient> http_;
  std::string hello_, domain_;
  Calls calls_;
};

}  // namespace

void describe_options(base::SettingsGroup& group, Options& options) {
  group.text("username", options.username)
      .help("User for AUTH; empty: none.")
      .korean("AUTH에 쓰는 사용자 이름입니다. 비워 두면 인증하지 않습니다.");
  group.secret("password", options.password).help("Password for AUTH.").korean("AUTH에 쓰는 비밀번호입니다.");
  group.text("from_email", options.from_email)
      .required()
      .help("Sender's address where the request names none.")
      .korean("요청에 발신자가 없을 때 쓰는 발신 주소입니다.");
  group.text("from_name", options.from_name)
      .help("Sender's name shown beside the address.")
      .korean("주소와 함께 표시되는 발신자 이름입니다.");
  group.boolean("starttls", options.starttls)
      .help("Refuse to go on without STARTTLS (smtp:// to another machine); smtps:// is always encrypted.")
      .korean(
          "다른 컴퓨터로의 smtp:// 연결에서 STARTTLS가 없으면 보내지 않습니다. smtps://는 항상 "
          "암호화됩니다.");
  group.text("hello", options.hello)
      .help("Name given in EHLO and after the @ of Message-ID; empty: the server's.")
      .korean("EHLO와 Message-ID의 @ 뒤에 쓰는 이름입니다. 비워 두면 서버의 이름을 씁니다.");
  group.text("dkim_domain", options.dkim_domain)
      .help("Domain that signs, d= of DKIM; empty: no signature.")
      .korean("서명하는 도메인(DKIM의 d=)입니다. 비워 두면 서명하지 않습니다.");
  group.text("dkim_selector", options.dkim_selector)
      .help("Selector of the key's DNS record.")
      .korean("키가 든 DNS 레코드의 선택자(selector)입니다.");
  group.secret("dkim_private_key", options.dkim_private_key)
      .help("PKCS#8 PEM, RSA or Ed25519.")
      .korean("PKCS#8 PEM 형식의 RSA 또는 Ed25519 개인 키입니다.");
}

std::span<const StatusRow> status_rows() noexcept { return kStatuses; }

model::Outcome classify(const net::SmtpReply& reply, const std::string& handle, bool asked_sender) {
  if (reply.code >= 200 && reply.code < 300 && reply.phase == Phase::Done) {
    const std::size_t at = reply.text.find(kQueuedAs);
    std::string id = at == std::string::npos ? handle : reply.text.substr(at + kQueuedAs.size());
    return Outcome::sent(id.substr(0, id.find_first_of(" \r\n\t")), reply.code);
  }
  const StatusRow* const row = find_status(reply.enhanced);
  const bool is_final = reply.code >= 500;
  OutcomeKind kind = kind_of_code(reply.code, reply.phase);
  if (!is_final) {
    kind = OutcomeKind::Temporary;
  } else if (kind != OutcomeKind::Misconfigured && row != nullptr) {
    kind = row->kind;
  }
  // Of an address said before RCPT, or of a content, no recipient can be judged.
  if (kind == OutcomeKind::InvalidRecipient && reply.phase != Phase::Recipient &&
      reply.phase != Phase::Data) {
    kind = OutcomeKind::Misconfigured;
  }
  // The caller's own sender says nothing about the account; before MAIL FROM nobody has seen it.
  const bool is_known = reply.phase != Phase::Connect && reply.phase != Phase::Auth;
  if (kind == OutcomeKind::Misconfigured && asked_sender && is_known && !is_about_login(reply.code))
    kind = OutcomeKind::Permanent;
  Outcome outcome = Outcome::of(
      kind, reply.code, reply.enhanced.empty() ? std::to_string(reply.code) : reply.enhanced,
      row != nullptr ? std::string(row->text) : fmt::format("the server answered {}", reply.code));
  // A bare 550 is said of blocked senders too.
  outcome.is_suspicious = kind == OutcomeKind::InvalidRecipient && row == nullptr;
  return outcome;
}

Mail mail_of(const Job& job, const Options& options, const std::string& domain) {
  return providers::mail_of(job, sender_of(*job.message, options.from_email, options.from_name), domain);
}

}  // namespace smtp_detail

extern const ProviderType smtp{
    .name = "smtp",
    .title = "SMTP",
    .channel = model::Channel::Email,
    .platforms = {},
    .service = {},
    .default_endpoint = {},
    .batch_max = 16,
    .in_flight_default = smtp_detail::kInFlightDefault,
    .has_handle = true,
    .declare = declare_as<smtp_detail::Options, smtp_detail::describe_options>,
    .open = open_as<smtp_detail::SmtpProvider, smtp_detail::Options, smtp_detail::describe_options>,
};

}  // namespace carillon::providers
