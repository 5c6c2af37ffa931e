// Reads tests/fixtures/providers/<name>/*.json: one exchange each, {"answer":{…},"outcome":{…}}.
#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/outcome.h"
#include "net/http.h"
#include "net/http2_client.h"
#include "providers/provider.h"

namespace carillon::providers::testing_only {

inline std::vector<std::filesystem::path> fixtures(const std::string& provider) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fixtures/providers/" + provider)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  EXPECT_FALSE(files.empty());
  return files;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

inline std::string text_of(base::JsonElement element, std::string_view key) {
  std::string_view out;
  return element[key].get(out) == simdjson::SUCCESS ? std::string(out) : std::string();
}

inline std::int64_t number_of(base::JsonElement element, std::string_view key) {
  std::int64_t out = 0;
  return element[key].get(out) == simdjson::SUCCESS ? out : 0;
}

inline net::HttpResponse response_of(base::JsonElement answer) {
  net::HttpResponse response;
  response.status = static_cast<int>(number_of(answer, "status"));
  response.body = text_of(answer, "body");
  base::JsonObject headers;
  if (answer["headers"].get(headers) == simdjson::SUCCESS) {
    for (const auto [name, value] : headers) {
      response.headers.emplace_back(name, std::string(value.get_string().value()));
    }
  }
  return response;
}

inline void expect_outcome(const model::Outcome& outcome, base::JsonElement expected,
                           const std::string& where) {
  EXPECT_EQ(model::name(outcome.kind), text_of(expected, "kind")) << where;
  EXPECT_EQ(outcome.code, text_of(expected, "code")) << where;
  EXPECT_EQ(outcome.provider_id, text_of(expected, "provider_id")) << where;
  const std::int64_t retry_after = number_of(expected, "retry_after_ms");
  EXPECT_EQ(outcome.retry_after ? outcome.retry_after->count() : 0, retry_after) << where;
  const std::int64_t invalid_since = number_of(expected, "invalid_since");
  EXPECT_EQ(outcome.invalid_since ? to_ms(*outcome.invalid_since) : 0, invalid_since) << where;
  bool is_suspicious = false;
  if (expected["is_suspicious"].get(is_suspicious) != simdjson::SUCCESS) is_suspicious = false;
  EXPECT_EQ(outcome.is_suspicious, is_suspicious) << where;
}

// Calls `check(answer, outcome, file)` for every exchange.
template <class F>
void for_each_fixture(const std::string& provider, F check) {
  for (const auto& path : fixtures(provider)) {
    base::JsonDocument document;
    const auto root = document.parse(read_text(path));
    ASSERT_TRUE(root) << path;
    check((*root)["answer"].value(), (*root)["outcome"].value(), path.filename().string());
  }
}

// A fresh private key as PKCS#8 PEM: "EC" "P-256", "RSA" "2048" or "ED25519".
inline std::string make_key(const std::string& type, const std::string& kind = {}) {
  EVP_PKEY* key = nullptr;
  if (type == "RSA")
    key = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(std::stoul(kind)));
  else if (type == "EC")
    key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", kind.c_str());
  else
    key = EVP_PKEY_Q_keygen(nullptr, nullptr, type.c_str());
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio, &data));
  std::string pem(data, size);
  BIO_free(bio);
  EVP_PKEY_free(key);
  return pem;
}

inline Job job_of(std::string address) {
  Job job;
  job.delivery = 0x0123456789abcdef;
  job.notification = 0x0123456789abcdee;
  job.target.address = std::move(address);
  job.now = from_ms(1'790'000'000'000);
  return job;
}

inline std::shared_ptr<model::Message> message_of(std::string title, std::string body) {
  auto message = std::make_shared<model::Message>();
  message->title = std::move(title);
  message->body = std::move(body);
  return message;
}

}  // namespace carillon::providers::testing_only
