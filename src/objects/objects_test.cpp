#include "objects/objects.h"

#include <gtest/gtest.h>

namespace carillon::objects {
namespace {

TEST(S3Url, NamesBucketPrefixAndServer) {
  const auto aws = parse_s3_url("s3://bells?region=eu-west-1").value();
  EXPECT_EQ(aws.bucket, "bells");
  EXPECT_EQ(aws.prefix, "");
  EXPECT_EQ(aws.region, "eu-west-1");
  EXPECT_TRUE(aws.endpoint.empty());
  const auto own =
      parse_s3_url("s3://bells/a/b?endpoint=http%3A%2F%2F127.0.0.1%3A9000/&path_style=false").value();
  EXPECT_EQ(own.prefix, "a/b/");
  EXPECT_EQ(own.endpoint, "http://127.0.0.1:9000");
  EXPECT_EQ(own.region, "us-east-1");
  EXPECT_FALSE(own.is_path_style);
}

TEST(S3Url, IsRefusedWithWhatToWrite) {
  for (const auto* const url :
       {"s3://", "s3://B", "s3://ab", "s3://bells/../x", "s3://bells/a b", "s3://bells?endpoint=minio",
        "s3://bells?endpoint=https://x/y", "s3://bells?colour=red", "s3://bells?region=", "s3://bells?a=%",
        "s3://bells?path_style=maybe", "http://bells"}) {
    const auto parsed = parse_s3_url(url);
    ASSERT_FALSE(parsed) << url;
    EXPECT_EQ(parsed.error().code, Errc::InvalidArgument);
    EXPECT_NE(parsed.error().message.find("write s3://bucket"), std::string::npos) << parsed.error().message;
  }
}

TEST(ObjectsUrl, MustNameABackendThatThereIs) {
  const auto refusal = [](std::string url) {
    Options options;
    options.url = std::move(url);
    const auto opened = open(options, {});
    return opened ? std::string() : opened.error().message;
  };
  EXPECT_NE(refusal("gs://bells").find("objects.url is file:DIR or s3://"), std::string::npos);
  EXPECT_NE(refusal("file:").find("objects.url is file:DIR or s3://"), std::string::npos);
  EXPECT_NE(refusal("s3://bells").find("set objects.access_key_id"), std::string::npos);
}

TEST(ObjectName, IsWhatEveryBackendCanHold) {
  EXPECT_TRUE(is_name("obj_0b6k9m2x4r8tz"));
  for (const auto* const name : {"", "a/b", "..", "A", "a b", "a.part"}) EXPECT_FALSE(is_name(name)) << name;
  EXPECT_FALSE(is_name(std::string(kNameMax + 1, 'a')));
}

}  // namespace
}  // namespace carillon::objects
