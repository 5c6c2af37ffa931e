#include "base/sha256.h"

#include <gtest/gtest.h>

namespace carillon::base {
namespace {

TEST(Sha256, OfPiecesIsThatOfTheWhole) {
  Sha256 pieces;
  for (const char* piece : {"a", "", "bc"}) pieces.add(piece);
  EXPECT_EQ(pieces.finish(), sha256("abc"));
  EXPECT_EQ(Sha256().finish(), sha256({}));
}

}  // namespace
}  // namespace carillon::base
