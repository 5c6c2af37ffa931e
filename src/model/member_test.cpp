#include "model/member.h"

#include <gtest/gtest.h>

namespace carillon::model {
namespace {

Member read(std::string_view json, base::Problems& problems) {
  base::JsonDocument document;
  Member member;
  member.key = "ann";
  read_member(*document.parse(json), member, problems);
  return member;
}

TEST(Member, ReadsBackAsWritten) {
  base::Problems problems;
  Member ann = read(R"({"name":"Ann","email":"Ann@Example.test","grants":{"default":"sender","*":"viewer"},)"
                    R"("disabled":true})",
                    problems);
  ASSERT_TRUE(problems.empty());
  ann.tokens.push_back({"laptop", "abc", from_ms(5), true});
  const auto again = decode_member(encode(ann));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->name, "Ann");
  EXPECT_TRUE(again->is_disabled);
  EXPECT_EQ(again->grants, ann.grants);
  ASSERT_EQ(again->tokens.size(), 1U);
  EXPECT_EQ(again->tokens[0].hash, "abc");
  base::JsonWriter out;
  write_member(out, ann);
  EXPECT_EQ(out.str().find("abc"), std::string::npos) << "hashes are not shown";
}

TEST(Member, SaysWhatIsWrong) {
  base::Problems problems;
  read(R"({"email":"nobody","grants":{"default":"king","A B":"sender"},"role":"x"})", problems);
  std::vector<std::string> pointers;
  for (const auto& problem : problems) pointers.push_back(problem.pointer);
  EXPECT_EQ(pointers, (std::vector<std::string>{"/email", "/grants/default", "/grants/A B", "/role"}));
  problems.clear();
  read("{}", problems);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].code, "required");
}

TEST(Member, HasTheRoleOfTheProjectElseThatOfEveryProject) {
  Member ann;
  ann.grants = {{"staging", Role::Administrator}, {"*", Role::Viewer}};
  EXPECT_EQ(ann.role_in("staging"), Role::Administrator);
  EXPECT_EQ(ann.role_in("default"), Role::Viewer);
  EXPECT_FALSE(ann.is_of_installation());
  ann.grants = {{"staging", Role::Sender}};
  EXPECT_EQ(ann.role_in("default"), std::nullopt);
  ann.grants = {{"*", Role::Administrator}};
  EXPECT_TRUE(ann.is_of_installation());
}

TEST(Role, SaysWhoMayDoWhat) {
  EXPECT_TRUE(may(Role::Viewer, "people", true));
  EXPECT_FALSE(may(Role::Viewer, "people", false));
  EXPECT_FALSE(may(Role::Viewer, "send", false));
  EXPECT_TRUE(may(Role::Sender, "send", false));
  EXPECT_TRUE(may(Role::Sender, "templates", false));
  EXPECT_FALSE(may(Role::Sender, "integrations", false));
  EXPECT_FALSE(may(Role::Sender, "approvals", false));
  EXPECT_TRUE(may(Role::Sender, "approvals", true));
  EXPECT_TRUE(may(Role::Sender, "integrations", true));
  EXPECT_FALSE(may(Role::Sender, "audit", true));
  EXPECT_TRUE(may(Role::Administrator, "audit", true));
  EXPECT_TRUE(may(Role::Administrator, "integrations", false));
  // What belongs to the installation is no project's.
  for (const Role role : {Role::Viewer, Role::Sender, Role::Administrator}) EXPECT_FALSE(may(role, "", true));
}

TEST(Role, IsReadByItsName) {
  for (const Role role : {Role::Viewer, Role::Sender, Role::Administrator})
    EXPECT_EQ(parse_role(name(role)), role);
  EXPECT_EQ(parse_role("king"), std::nullopt);
}

}  // namespace
}  // namespace carillon::model
