#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>

#include "base/crypto.h"
#include "base/free.h"
#include "base/sha256.h"
#include "providers/mime.h"

namespace carillon::providers {
namespace {

constexpr int kRsaBitsMin = 1024;
constexpr std::size_t kFoldAt = 72;  // characters of base64 in one line
constexpr std::size_t kHashPiece = 64 * 1024;  // bytes of a large body hashed at a time

// Signed when present, in this order; From comes first and once more (RFC 6376 §8.15).
constexpr std::array<std::string_view, 16> kSigned = {
    "from",          "to",         "cc",           "subject",          "date",
    "message-id",    "reply-to",   "mime-version", "content-type",     "content-transfer-encoding",
    "in-reply-to",   "references", "list-id",      "list-unsubscribe", "list-unsubscribe-post",
    "auto-submitted"};

using base::Free;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t'; }

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

struct Header {
  std::string name;  // lower case
  std::string_view value;
};

std::vector<Header> headers_of(std::string_view head) {
  std::vector<Header> headers;
  std::size_t begin = 0;
  while (begin < head.size()) {
    std::size_t end = head.find("\r\n", begin);
    while (end != std::string_view::npos && end + 2 < head.size() && is_space(head[end + 2])) {
      end = head.find("\r\n", end + 2);
    }
    if (end == std::string_view::npos) end = head.size();
    const std::string_view line = head.substr(begin, end - begin);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      headers.push_back({lower(line.substr(0, colon)), line.substr(colon + 1)});
    begin = end + 2;
  }
  return headers;
}

Result<std::string> sign_raw(EVP_PKEY* key, bool is_rsa, std::string_view data) {
  // RFC 8463: Ed25519 signs the SHA-256 digest, RSA the data by way of it.
  const std::string digest = is_rsa ? std::string() : base::sha256(data);
  const std::string_view input = is_rsa ? data : std::string_view(digest);
  const std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  const auto* const bytes = reinterpret_cast<const unsigned char*>(input.data());
  std::size_t size = 0;
  const EVP_MD* const md = is_rsa ? EVP_sha256() : nullptr;
  if (context == nullptr || EVP_DigestSignInit(context.get(), nullptr, md, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, input.size()) != 1) {
    ERR_clear_error();
    return fail(Errc::Internal, "OpenSSL could not sign");
  }
  std::string out(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes,
                     input.size()) != 1) {
    ERR_clear_error();
    return fail(Errc::Internal, "OpenSSL could not sign");
  }
  out.resize(size);
  return out;
}

}  // namespace

struct DkimSigner::Impl {
  std::string domain, selector;
  KeyPtr key;
  bool is_rsa = true;
};

DkimSigner::DkimSigner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DkimSigner::DkimSigner(DkimSigner&&) noexcept = default;
DkimSigner& DkimSigner::operator=(DkimSigner&&) noexcept = default;
DkimSigner::~DkimSigner() = default;

std::string dkim_relaxed_header(std::string_view name, std::string_view value) {
  std::string out = lower(name);
  while (!out.empty() && is_space(out.back())) out.pop_back();
  out += ':';
  bool is_pending = false, is_begun = false;
  for (const char c : value) {
    if (c == '\r' || c == '\n') continue;  // unfolded
    if (is_space(c)) {
      is_pending = is_begun;
      continue;
    }
    if (is_pending) out += ' ';
    is_pending = false;
    is_begun = true;
    out += c;
  }
  return out;
}

namespace {

// A line without its end: runs of blanks are one, and none stands at the end.
std::string relaxed_line(std::string_view line) {
  std::string out;
  bool is_pending = false;
  for (const char c : line) {
    if (is_space(c)) {
      is_pending = true;
      continue;
    }
    if (is_pending) out += ' ';
    is_pending = false;
    out += c;
  }
  return out;
}

// The relaxed body of what comes in pieces, cut anywhere, given on to `take`.
template <class Take>
class RelaxedBody {
 public:
  explicit RelaxedBody(Take take) : take_(std::move(take)) {}

  void add(std::string_view piece) {
    rest_ += piece;
    std::size_t begin = 0;
    for (std::size_t end; (end = rest_.find("\r\n", begin)) != std::string::npos; begin = end + 2) {
      line(std::string_view(rest_).substr(begin, end - begin));
    }
    rest_.erase(0, begin);
  }
  void finish() {
    if (!rest_.empty()) line(rest_);
  }

 private:
  // Empty lines at the end are not part of the body.
  void line(std::string_view text) {
    const std::string relaxed = relaxed_line(text);
    if (relaxed.empty()) {
      ++empty_;
      return;
    }
    for (; empty_ > 0; --empty_) take_("\r\n");
    take_(relaxed + "\r\n");
  }

  Take take_;
  std::string rest_;  // of the last piece, without a line end yet
  std::size_t empty_ = 0;
};

}  // namespace

std::string dkim_relaxed_body(std::string_view body) {
  std::string out;
  out.reserve(body.size());
  RelaxedBody relaxed([&out](std::string_view text) { out += text; });
  relaxed.add(body);
  relaxed.finish();
  return out;
}

Result<DkimSigner> DkimSigner::open(std::string domain, std::string selector, const base::Secret& pem) {
  const std::string_view text = pem.reveal();
  const std::unique_ptr<BIO, Free<BIO_free_all>> bio(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  // Without the call-back OpenSSL would ask for an encrypted key's password on the terminal.
  const auto no_password = [](char*, int, int, void*) { return -1; };
  auto impl = std::make_unique<Impl>();
  if (bio != nullptr) impl->key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!impl->key) return fail(Errc::InvalidArgument, "dkim_private_key is not a PKCS#8 key in PEM form");
  impl->is_rsa = EVP_PKEY_is_a(impl->key.get(), "RSA") == 1;
  const bool is_edwards = EVP_PKEY_is_a(impl->key.get(), "ED25519") == 1;
  if (!is_edwards && !(impl->is_rsa && EVP_PKEY_get_bits(impl->key.get()) >= kRsaBitsMin)) {
    return fail(Errc::InvalidArgument, "dkim_private_key must be RSA with at least 1024 bits, or Ed25519");
  }
  impl->domain = std::move(domain);
  impl->selector = std::move(selector);
  return DkimSigner(std::move(impl));
}

namespace {

Result<std::string> body_hash(std::string_view body, const net::Body* rest) {
  base::Sha256 hash;
  RelaxedBody relaxed([&hash](std::string_view text) { hash.add(text); });
  relaxed.add(body);
  std::string piece(kHashPiece, '\0');
  for (std::uint64_t at = 0; rest != nullptr && at < rest->size();) {
    CARILLON_TRY(const std::size_t count, rest->read(at, piece));
    relaxed.add(std::string_view(piece).substr(0, count));
    at += count;
  }
  relaxed.finish();
  return base::base64(hash.finish());
}

}  // namespace

Result<std::string> DkimSigner::sign(std::string_view message, Time now, const net::Body* rest) const {
  const std::size_t split = message.find("\r\n\r\n");
  const std::string_view head =
      message.substr(0, split == std::string_view::npos ? message.size() : split + 2);
  const std::string_view body =
      split == std::string_view::npos ? std::string_view{} : message.substr(split + 4);
  std::vector<Header> headers = headers_of(head);
  std::string names, input;
  for (const std::string_view name : kSigned) {
    // The last occurrence is signed first (RFC 6376 §5.4.2).
    for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
      if (header->name != name) continue;
      names += names.empty() ? "" : ":";
      names += name;
      input += dkim_relaxed_header(name, header->value) + "\r\n";
    }
    if (name == "from") names += ":from";
  }
  CARILLON_TRY(const std::string hash, body_hash(body, rest));
  std::string value =
      fmt::format(" v=1; a={}; c=relaxed/relaxed; d={}; s={};\r\n t={}; h={};\r\n bh={};\r\n b=",
                  impl_->is_rsa ? "rsa-sha256" : "ed25519-sha256", impl_->domain, impl_->selector,
                  to_ms(now) / 1000, names, hash);
  input += dkim_relaxed_header("dkim-signature", value);
  CARILLON_TRY(const std::string raw, sign_raw(impl_->key.get(), impl_->is_rsa, input));
  const std::string signature = base::base64(raw);
  for (std::size_t at = 0; at < signature.size(); at += kFoldAt) {
    if (at > 0) value += "\r\n ";
    value.append(signature, at, kFoldAt);
  }
  return "DKIM-Signature:" + value + "\r\n";
}

}  // namespace carillon::providers
