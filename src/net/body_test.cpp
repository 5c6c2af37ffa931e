#include "net/body.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <unistd.h>

#include <cstdio>

#include "base/crypto.h"

namespace carillon::net {
namespace {

std::string wrapped(std::string_view bytes) {
  const std::string characters = base::base64(bytes);
  std::string out;
  for (std::size_t at = 0; at < characters.size(); at += 76) out += characters.substr(at, 76) + "\r\n";
  return out;
}

// What is read in steps of `step` bytes.
std::string read_in_steps(const Body& body, std::size_t step) {
  std::string all, piece(step, '\0');
  while (true) {
    const auto count = body.read(all.size(), piece);
    if (!count || *count == 0) return all;
    all.append(piece, 0, *count);
  }
}

TEST(Body, HoldsNothingAtFirst) {
  const Body body;
  EXPECT_EQ(body.size(), 0U);
  EXPECT_EQ(body.text().value(), "");
  EXPECT_EQ(body.sha256().value(), base::hex(base::sha256("")));
}

TEST(Body, ReadsTheSameWhateverTheSteps) {
  EXPECT_TRUE(rc::check([] {
    const auto bytes = *rc::gen::resize(60'000, rc::gen::arbitrary<std::string>());
    const auto step = *rc::gen::inRange<std::size_t>(1, 40'000);
    Body body("begin");
    body.add_base64(Body(bytes), Body::Lines::Wrapped);
    body.add(std::string());
    body.add_base64(Body(bytes), Body::Lines::One);
    body.add(std::make_shared<const std::string>("end"));
    const std::string wanted = "begin" + wrapped(bytes) + base::base64(bytes) + "end";
    RC_ASSERT(body.size() == wanted.size());
    RC_ASSERT(read_in_steps(body, step) == wanted);
    RC_ASSERT(body.sha256().value() == base::hex(base::sha256(wanted)));
  }));
}

TEST(Body, EncodesALongSourceBlockByBlock) {
  const std::string bytes = base::random_bytes(300'001);
  Body inner("head of a mail\r\n");
  inner.add_base64(Body(bytes), Body::Lines::Wrapped);
  Body body;
  body.add_base64(inner, Body::Lines::One);
  EXPECT_EQ(read_in_steps(body, 777), base::base64("head of a mail\r\n" + wrapped(bytes)));
}

TEST(Body, GoesOnFromAnyPlace) {
  Body body("0123");
  body.add(std::string("4567"));
  Body both;
  both.add(body);
  both.add(body);
  std::string piece(5, '\0');
  ASSERT_EQ(both.read(6, piece).value(), 5U);
  EXPECT_EQ(piece, "67012");
  ASSERT_EQ(both.read(14, piece).value(), 2U);
  EXPECT_EQ(piece.substr(0, 2), "67");
  EXPECT_EQ(both.read(16, piece).value(), 0U);
}

TEST(Body, ReadsAFileAndSaysWhenItIsTooShort) {
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(std::fwrite("a file", 1, 6, file), 6U);
  ASSERT_EQ(std::fflush(file), 0);
  const auto shared = std::make_shared<const base::Descriptor>(::dup(::fileno(file)));
  std::fclose(file);
  Body body;
  body.add_file(shared, 6);
  EXPECT_EQ(body.text().value(), "a file");
  Body longer;
  longer.add_file(shared, 7);
  EXPECT_EQ(longer.text().error().code, Errc::Unavailable);
}

TEST(Body, TakesAHashForAsLongAsItHoldsTheSame) {
  Body body("abc");
  const std::string own = body.sha256().value();
  body.set_sha256("known");
  EXPECT_EQ(body.sha256().value(), "known");
  body.add(std::string("d"));
  EXPECT_EQ(body.sha256().value(), Body("abcd").sha256().value());
  EXPECT_NE(body.sha256().value(), own);
}

}  // namespace
}  // namespace carillon::net
