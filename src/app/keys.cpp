#include "app/keys.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/descriptor.h"
#include "base/json.h"

namespace carillon::app {
namespace {

constexpr std::size_t kKeyBytes = 32;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  return text;
}

}  // namespace

Result<std::unique_ptr<base::KeyRing>> read_key(std::string_view base64, const std::string& where) {
  auto root = base::unbase64(trimmed(base64));
  if (!root || root->size() != kKeyBytes) {
    return fail(
        Errc::InvalidArgument,
        fmt::format("{} does not hold a key; it is 32 random bytes in base64: openssl rand -base64 32",
                    where));
  }
  CARILLON_TRY(auto ring, base::KeyRing::derive(base::Secret(std::move(*root))));
  return std::make_unique<base::KeyRing>(std::move(ring));
}

Result<void> write_private_file(const std::string& path, std::string_view content) {
  if (base::write_file(path, content)) return {};
  return fail(Errc::Unavailable, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::NotFound, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Result<KeyText> find_key(const AppOptions& options) {
  if (!options.secrets_key.empty()) return KeyText{options.secrets_key, "secrets.key", true};
  const bool is_setting = !options.secrets_key_file.empty();
  std::string path = is_setting ? options.secrets_key_file : options.data + "/secret.key";
  CARILLON_TRY(auto text, read_file(path));
  return KeyText{base::Secret(std::move(text)), std::move(path), is_setting};
}

Result<std::unique_ptr<base::KeyRing>> load_keys(const AppOptions& options, bool may_make) {
  const std::string path = options.data + "/secret.key";
  const bool is_setting = !options.secrets_key.empty() || !options.secrets_key_file.empty();
  std::error_code ec;
  const bool is_there = std::filesystem::exists(path, ec);
  if (ec)
    return fail(
        Errc::Unavailable,
        fmt::format("cannot look for {}: {}; run as the user whose data folder it is", path, ec.message()));
  if (is_setting || is_there) {
    CARILLON_TRY(const KeyText key, find_key(options));
    return read_key(key.text.reveal(), key.where);
  }
  if (std::filesystem::exists(options.data + "/carillon.db", ec)) {
    return fail(
        Errc::FailedPrecondition,
        fmt::format("{} is missing but the store is there; put the key back, or give CARILLON_SECRETS_KEY",
                    path));
  }
  if (!may_make) {
    return fail(
        Errc::InvalidArgument,
        fmt::format("secrets.key: processes that share a store share its key, and none is given, nor is {} "
                    "there; set CARILLON_SECRETS_KEY or CARILLON_SECRETS_KEY_FILE, the same for all (made "
                    "once by: openssl rand -base64 32), and keep a copy elsewhere",
                    path));
  }
  std::filesystem::create_directories(options.data, ec);
  if (ec)
    return fail(Errc::Unavailable,
                fmt::format("cannot make the data folder {}: {}", options.data, ec.message()));
  const std::string text = base::base64(base::random_bytes(kKeyBytes));
  CARILLON_CHECK(write_private_file(path, text + "\n"));
  return read_key(text, path);
}

std::string key_note(const base::KeyRing& keys) {
  return base::JsonWriter().object().field("key_id", keys.sealer.key_id()).end_object().str();
}

Result<std::string> load_instance(const std::string& data) {
  const std::string path = data + "/instance";
  if (auto text = read_file(path)) return std::string(trimmed(*text));
  const std::string made = base::random_text(22);
  CARILLON_CHECK(write_private_file(path, made + "\n"));
  return made;
}

}  // namespace carillon::app
