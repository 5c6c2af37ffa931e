#include "objects/objects.h"

#include <algorithm>

namespace carillon::objects {

namespace {

constexpr std::string_view kFile = "file:", kS3 = "s3://";

}  // namespace

bool is_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kNameMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Result<void> check_name(std::string_view name) {
  if (is_name(name)) return {};
  return fail(Errc::InvalidArgument, "an object's name has a-z, 0-9 and _ only");
}

void describe(base::SettingsGroup& group, Options& options) {
  group.text("url", options.url)
      .help(
          "Where uploaded objects are: file:DIR, or s3://bucket/prefix?endpoint=https://…&region=… "
          "(any server that speaks S3); empty takes the folder objects in the data folder.");
  group.text("access_key_id", options.access_key_id).help("S3: the access key.");
  group.secret("secret_access_key", options.secret_access_key).help("S3: the access key's secret.");
  group.secret("session_token", options.session_token)
      .help("S3: the session token of a temporary key; empty: none.");
  group.text("ca_file", options.ca_file)
      .help("S3: PEM file with the certificates to trust; empty: the system's.");
}

Result<std::unique_ptr<Objects>> open(const Options& options, boost::asio::any_io_executor executor) {
  const std::string_view url = options.url;
  if (url.starts_with(kFile) && url.size() > kFile.size()) {
    return open_folder(std::string(url.substr(kFile.size())), std::move(executor));
  }
  if (!url.starts_with(kS3)) {
    return fail(
        Errc::InvalidArgument,
        "objects.url is file:DIR or s3://bucket?endpoint=https://…&region=…, not '" + options.url + "'");
  }
  CARILLON_TRY(S3Options s3, parse_s3_url(url));
  if (options.access_key_id.empty() || options.secret_access_key.empty()) {
    return fail(Errc::InvalidArgument,
                "objects.url names an S3 bucket: set objects.access_key_id and objects.secret_access_key");
  }
  s3.access_key_id = options.access_key_id;
  s3.secret_access_key = options.secret_access_key;
  s3.session_token = options.session_token;
  s3.ca_file = options.ca_file;
  return open_s3(std::move(s3), std::move(executor));
}

}  // namespace carillon::objects
