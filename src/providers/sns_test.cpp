#include "providers/sns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "base/crypto.h"
#include "net/http_server.h"

namespace carillon::providers {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kTopic = "arn:aws:sns:eu-west-1:123456789012:events";

// A certificate of our own, what it signs, and a server that hands it out and confirms.
class Amazon {
 public:
  Amazon() : key_(EVP_RSA_gen(2048)) {
    X509* const c = X509_new();
    X509_set_version(c, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
    X509_gmtime_adj(X509_getm_notBefore(c), -3600);
    X509_gmtime_adj(X509_getm_notAfter(c), 3600);
    X509_set_pubkey(c, key_);
    X509_sign(c, key_, EVP_sha256());
    BIO* const bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, c);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    certificate_.assign(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    X509_free(c);
    net::HttpServerOptions options;
    options.host = "127.0.0.1";
    options.port = 0;
    auto answer = [this](net::HttpRequest request, net::HttpPeer) -> Task<net::HttpResponse> {
      const bool is_certificate = request.path() == "/cert.pem";
      (is_certificate ? fetched : confirmed).fetch_add(1);
      co_return net::HttpResponse{
          .status = status.load(), .headers = {}, .body = is_certificate ? certificate_ : "ok"};
    };
    server_ = std::move(net::HttpServer::open({io_.get_executor()}, options, std::move(answer)).value());
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Amazon() {
    server_->drain(base::Deadline::after(std::chrono::seconds(5)));
    work_.reset();
    thread_.join();
    EVP_PKEY_free(key_);
  }
  Amazon(const Amazon&) = delete;
  Amazon& operator=(const Amazon&) = delete;

  [[nodiscard]] std::string origin() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }

  [[nodiscard]] std::string sign(const SnsMessage& message) const {
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    const std::string text = sns_signed_text(message);
    std::string out(256, '\0');
    std::size_t size = out.size();
    EVP_DigestSignInit(context, nullptr, message.signature_version == "1" ? EVP_sha1() : EVP_sha256(),
                       nullptr, key_);
    EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size,
                   reinterpret_cast<const unsigned char*>(text.data()), text.size());
    EVP_MD_CTX_free(context);
    return base::base64(out);
  }

  std::atomic<int> fetched{0}, confirmed{0}, status{200};

 private:
  EVP_PKEY* key_;
  std::string certificate_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<net::HttpServer> server_;
  std::thread thread_;
};

class SnsTest : public testing::Test {
 protected:
  SnsTest() : receiver_(io_.get_executor(), {std::string(kTopic), amazon_.origin(), {}}) {}
  ~SnsTest() override {
    boost::asio::co_spawn(io_, receiver_.close(), [](std::exception_ptr) {});
    io_.restart();
    io_.run_for(std::chrono::seconds(5));
  }

  SnsMessage notification(std::string version = "2") const {
    SnsMessage m;
    m.type = "Notification";
    m.message = "what\nwas said";
    m.message_id = "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324";
    m.topic_arn = kTopic;
    m.timestamp = to_rfc3339(now_);
    m.signature_version = std::move(version);
    m.signing_cert_url = amazon_.origin() + "/cert.pem";
    return m;
  }
  SnsMessage confirmation() const {
    SnsMessage m = notification();
    m.type = "SubscriptionConfirmation";
    m.token = "2336412f37";
    m.subscribe_url = amazon_.origin() + "/?Action=ConfirmSubscription&Token=2336412f37";
    return m;
  }
  // Signs and posts it; a signature that is there already stays.
  Result<std::string> receive(SnsMessage m) {
    if (m.signature.empty()) m.signature = amazon_.sign(m);
    base::JsonWriter out;
    out.object().field("Type", m.type).field("MessageId", m.message_id).field_if("Token", m.token);
    if (m.has_subject) out.field("Subject", m.subject);
    out.field("TopicArn", m.topic_arn).field("Message", m.message).field_if("SubscribeURL", m.subscribe_url);
    out.field("Timestamp", m.timestamp).field("SignatureVersion", m.signature_version);
    out.field("Signature", m.signature).field("SigningCertURL", m.signing_cert_url).end_object();
    CallbackRequest request;
    request.method = "POST";
    request.headers = {{"X-Amz-Sns-Message-Type", m.type}};
    request.body = out.str();
    request.now = now_;
    return receive(std::move(request));
  }
  Result<std::string> receive(CallbackRequest request) {
    std::optional<Result<std::string>> result;
    boost::asio::co_spawn(
        io_, receiver_.receive(request, base::Deadline::after(std::chrono::seconds(10))),
        [&](std::exception_ptr, Result<std::string> value) { result.emplace(std::move(value)); });
    io_.restart();
    while (!result && io_.run_one_for(std::chrono::seconds(10)) > 0) {}
    return std::move(result.value());
  }
  static Errc code(const Result<std::string>& result) {
    return result ? Errc::Internal : result.error().code;
  }

  Time now_ = std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
  Amazon amazon_;
  boost::asio::io_context io_{1};
  SnsReceiver receiver_;
};

TEST_F(SnsTest, TakesBothVersionsAndFetchesTheCertificateOnce) {
  EXPECT_EQ(receive(notification("2")).value(), "what\nwas said");
  EXPECT_EQ(receive(notification("1")).value(), "what\nwas said");
  SnsMessage with_subject = notification();
  with_subject.has_subject = true;
  with_subject.subject = "about it";
  EXPECT_EQ(receive(with_subject).value(), "what\nwas said");
  EXPECT_EQ(amazon_.fetched.load(), 1);
  now_ += std::chrono::minutes(30);
  EXPECT_TRUE(receive(notification()));
  EXPECT_EQ(amazon_.fetched.load(), 1);
}

TEST_F(SnsTest, ConfirmsASubscription) {
  EXPECT_EQ(receive(confirmation()).value(), "");
  EXPECT_EQ(amazon_.confirmed.load(), 1);
  SnsMessage away = confirmation();
  away.type = "UnsubscribeConfirmation";
  EXPECT_EQ(receive(away).value(), "");
  EXPECT_EQ(amazon_.confirmed.load(), 1) << "who unsubscribed is not subscribed again";
}

TEST_F(SnsTest, RefusesForgeries) {
  const std::string good = amazon_.sign(notification());
  SnsMessage changed = notification();
  changed.signature = good;
  changed.message += "!";
  EXPECT_EQ(code(receive(changed)), Errc::Unauthenticated);
  SnsMessage other_version = notification("1");
  other_version.signature = good;
  EXPECT_EQ(code(receive(other_version)), Errc::Unauthenticated);
  for (const char* version : {"0", "3", ""})
    EXPECT_EQ(code(receive(notification(version))), Errc::Unauthenticated);
  SnsMessage other_topic = notification();
  other_topic.topic_arn += "x";
  EXPECT_EQ(code(receive(other_topic)), Errc::Unauthenticated);
  SnsMessage late = notification();
  late.timestamp = to_rfc3339(now_ - std::chrono::hours(26));
  EXPECT_EQ(code(receive(late)), Errc::Unauthenticated);
  SnsMessage elsewhere = notification();
  elsewhere.signing_cert_url = "https://sns.eu-west-1.amazonaws.com.evil.example/cert.pem";
  EXPECT_EQ(code(receive(elsewhere)), Errc::Unauthenticated);
  SnsMessage strange = confirmation();
  strange.subscribe_url = "https://evil.example/?Action=ConfirmSubscription";
  EXPECT_EQ(code(receive(strange)), Errc::Unauthenticated);
  EXPECT_EQ(amazon_.confirmed.load(), 0);
  CallbackRequest no_header;
  no_header.body = R"({"Type":"Notification"})";
  EXPECT_EQ(code(receive(no_header)), Errc::Unauthenticated);
  CallbackRequest not_json;
  not_json.body = "x";
  EXPECT_EQ(code(receive(not_json)), Errc::Unauthenticated);
}

TEST_F(SnsTest, AsksToRepeatWhenAmazonCannotBeAsked) {
  amazon_.status = 503;
  EXPECT_EQ(code(receive(notification())), Errc::Unavailable);
  amazon_.status = 200;
  EXPECT_TRUE(receive(notification()));
  amazon_.status = 500;
  EXPECT_EQ(code(receive(confirmation())), Errc::Unavailable);
}

TEST(SnsUrl, IsOneOfAmazonsHostsOnly) {
  for (const char* good :
       {"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-a.pem",
        "https://sns.cn-north-1.amazonaws.com.cn/x.pem", "https://sns.us-gov-west-1.amazonaws.com:443/x"}) {
    EXPECT_TRUE(is_sns_url(good, {})) << good;
  }
  for (const char* bad :
       {"http://sns.eu-west-1.amazonaws.com/x", "https://sns.eu-west-1.amazonaws.com:8443/x",
        "https://sns.amazonaws.com/x", "https://bucket.s3.amazonaws.com/x",
        "https://sns.eu-west-1.amazonaws.com@evil.example/x",
        "https://evil.example/sns.eu-west-1.amazonaws.com", "https://sns.a.b.amazonaws.com/x",
        "https://sns.eu-west-1.amazonaws.com.evil.example/x", "https://xsns.eu-west-1.amazonaws.com/x", "",
        "sns"}) {
    EXPECT_FALSE(is_sns_url(bad, {})) << bad;
  }
  EXPECT_TRUE(is_sns_url("http://127.0.0.1:9449/x", "http://127.0.0.1:9449"));
  EXPECT_FALSE(is_sns_url("http://127.0.0.1:9450/x", "http://127.0.0.1:9449"));
}

TEST(SnsText, IsWhatAmazonDocuments) {
  SnsMessage m;
  m.type = "Notification";
  m.message = "m";
  m.message_id = "i";
  m.timestamp = "t";
  m.topic_arn = "a";
  EXPECT_EQ(sns_signed_text(m), "Message\nm\nMessageId\ni\nTimestamp\nt\nTopicArn\na\nType\nNotification\n");
  m.has_subject = true;
  m.subject = "s";
  EXPECT_EQ(sns_signed_text(m),
            "Message\nm\nMessageId\ni\nSubject\ns\nTimestamp\nt\nTopicArn\na\nType\nNotification\n");
  m.type = "SubscriptionConfirmation";
  m.token = "k";
  m.subscribe_url = "u";
  EXPECT_EQ(sns_signed_text(m),
            "Message\nm\nMessageId\ni\nSubscribeURL\nu\nTimestamp\nt\nToken\nk\nTopicArn\na\nType\nSubscripti"
            "onConfirmation\n");
}

}  // namespace
}  // namespace carillon::providers
