#include "model/media_type.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace carillon::model {
namespace {

using namespace std::string_literals;

const std::string kPng = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"s;
const std::string kJpeg = "\xff\xd8\xff\xe0\0\x10JFIF"s;
const std::string kZip = "PK\3\4\x14\0"s;

TEST(MediaType, IsFoundByHowTheBytesBegin) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {kPng, "image/png"},
      {kJpeg, "image/jpeg"},
      {"GIF89a", "image/gif"},
      {"RIFF\x10\0\0\0WEBPVP8 "s, "image/webp"},
      {"RIFF\x10\0\0\0WAVEfmt "s, "audio/wav"},
      {"%PDF-1.7", "application/pdf"},
      {"\0\0\0\x20"s + "ftypisom", "video/mp4"},
      {"\0\0\0\x20"s + "ftypheic", "image/heic"},
      {kZip, "application/zip"},
      {"MZ\x90\0"s, "application/vnd.microsoft.portable-executable"},
      {"\xef\xbb\xbf\n <!DOCTYPE HTML>", "text/html"},
      {"<svg xmlns=", "image/svg+xml"},
      {"<?xml version=", "application/xml"},
      {"Dear customer", ""},
      {"", ""}};
  for (const auto& [head, type] : cases) EXPECT_EQ(sniff_media_type(head), type) << head;
}

TEST(MediaType, IsWhatWasDeclaredWhereTheBytesAgree) {
  const std::vector<std::tuple<std::string, std::string, std::string>> cases{
      {"Image/PNG", kPng, "image/png"},
      {"image/jpg", kJpeg, "image/jpg"},
      {"text/plain; charset=utf-8", "Dear customer", "text/plain"},
      {"text/csv", "a,b\n1,2\n", "text/csv"},
      {"text/calendar;method=REQUEST", "BEGIN:VCALENDAR", "text/calendar"},
      {"application/vnd.apple.pkpass", kZip, "application/vnd.apple.pkpass"},
      {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", kZip,
       "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
      {"text/plain", "<html>as text</html>", "text/plain"},
      {"application/x-something", "?", "application/x-something"},
      {"", kPng, "image/png"},
      {"application/octet-stream", "%PDF-1.4", "application/pdf"},
      {"application/octet-stream", "\1\2\3", "application/octet-stream"}};
  for (const auto& [declared, head, type] : cases) {
    const auto settled = settle_media_type(declared, head);
    ASSERT_TRUE(settled) << declared << ": " << settled.error();
    EXPECT_EQ(*settled, type);
  }
}

TEST(MediaType, IsRefusedWhereTheBytesAreSomethingElse) {
  const std::vector<std::tuple<std::string, std::string, std::string>> cases{
      {"image/png", kJpeg, "Content-Type says image/png, but the bytes are image/jpeg"},
      {"image/png", "<html><script>", "Content-Type says image/png, but the bytes are text/html"},
      {"image/jpeg", "MZ\x90\0"s, "portable-executable"},
      {"image/png", "nothing of it", "Content-Type says image/png, but the bytes are not"},
      {"application/pdf", "Dear customer", "but the bytes are not"},
      {"text/plain", "a\0b"s, "but the bytes are no text"},
      {"text/plain", kPng, "but the bytes are image/png"},
      {"png", kPng, "Content-Type is type/subtype"},
      {"image/", kPng, "Content-Type is type/subtype"},
      {"image/p ng", kPng, "Content-Type is type/subtype"},
      {"multipart/form-data; boundary=x", "--x", "send the file itself"}};
  for (const auto& [declared, head, why] : cases) {
    const auto settled = settle_media_type(declared, head);
    ASSERT_FALSE(settled) << declared;
    EXPECT_NE(settled.error().find(why), std::string::npos) << settled.error();
  }
}

TEST(MediaType, IsAlwaysOneThatMayStandInAHeader) {
  EXPECT_TRUE(rc::check([](const std::string& declared, const std::string& head) {
    const auto settled = settle_media_type(declared, head);
    if (!settled) return;
    RC_ASSERT(std::ranges::none_of(*settled, [](char c) { return c <= ' ' || c > '~'; }));
  }));
}

TEST(MediaType, IsShownInPlaceOnlyWhereNothingCanRun) {
  for (const auto* const type : {"image/png", "video/mp4", "audio/mpeg", "application/pdf"}) {
    EXPECT_TRUE(is_shown_in_place(type)) << type;
  }
  for (const auto* const type : {"image/svg+xml", "text/html", "text/plain", "application/zip"}) {
    EXPECT_FALSE(is_shown_in_place(type)) << type;
  }
}

}  // namespace
}  // namespace carillon::model
