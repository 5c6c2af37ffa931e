#include "app/template_files.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace carillon::app {
namespace {

std::string json_text(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

Folder files(Document kind, std::string_view json) {
  base::JsonDocument document;
  const auto root = document.parse(json);
  EXPECT_TRUE(root) << json;
  return root ? to_files(kind, *root) : Folder{};
}

std::string error_of(Document kind, const Folder& folder) {
  const auto json = from_files(kind, folder);
  return json ? "" : json.error().message;
}

TEST(TemplateFiles, LongTextsHaveFilesOfTheirOwn) {
  const Folder folder = files(
      Document::Template,
      R"({"key":"welcome","version":3,"status":"draft","published":true,"default_locale":"en","params":[],)"
      R"("content":{"en":{"title":"Hi","body":"one line","email":{"html":"<p>x</p>"},"sms":{"body":"a\nb"},)"
      R"("push":{"data":{"file":"x"}}}}})");
  ASSERT_EQ(folder.size(), 3u);
  EXPECT_EQ(folder.at("en.email.html"), "<p>x</p>\n");
  EXPECT_EQ(folder.at("en.sms.txt"), "a\nb\n");
  EXPECT_EQ(folder.at("template.json"), R"({
  "default_locale": "en",
  "params": [],
  "content": {
    "en": {
      "title": "Hi",
      "body": "one line",
      "email": {
        "html": { "file": "en.email.html" }
      },
      "sms": {
        "body": { "file": "en.sms.txt" }
      },
      "push": {
        "data": {
          "file": "x"
        }
      }
    }
  }
}
)");
}

TEST(TemplateFiles, ALayoutHasItsFrames) {
  const Folder folder =
      files(Document::Layout, R"({"key":"main","version":1,"html":"<p>{{{content}}}</p>","text":"x"})");
  EXPECT_EQ(folder.at("layout.html"), "<p>{{{content}}}</p>\n");
  EXPECT_EQ(folder.at("layout.txt"), "x\n");
  EXPECT_EQ(*from_files(Document::Layout, folder), R"({"html":"<p>{{{content}}}</p>","text":"x"})");
}

TEST(TemplateFiles, OnlyTheLastLineBreakIsTheFiles) {
  Folder folder{{"layout.json", R"({"html":{"file":"a.html"}})"}, {"a.html", "x\n\n"}};
  EXPECT_EQ(*from_files(Document::Layout, folder), R"({"html":"x\n"})");
  folder["a.html"] = "x";
  EXPECT_EQ(*from_files(Document::Layout, folder), R"({"html":"x"})");
}

TEST(TemplateFiles, SaysWhatIsWrong) {
  EXPECT_EQ(error_of(Document::Template, {}), "there is no template.json");
  EXPECT_NE(error_of(Document::Template, {{"template.json", "{"}}).find("template.json: "),
            std::string::npos);
  const auto naming = [](std::string_view name) {
    return Folder{{"layout.json", "{\"html\":{\"file\":" + std::string(name) + "}}"}};
  };
  EXPECT_EQ(error_of(Document::Layout, naming("\"b.html\"")), "there is no file \"b.html\"");
  for (const char* name : {"\"../b\"", "\"/etc/passwd\"", "\"\"", "\".git\"", "\"a\\\\b\"", "1"}) {
    EXPECT_NE(error_of(Document::Layout, naming(name)), "") << name;
  }
  Folder folder = naming("\"b.html\"");
  folder["b.html"] = "\xff";
  EXPECT_EQ(error_of(Document::Layout, folder), "\"b.html\" is not UTF-8");
}

TEST(TemplateFiles, KnowsItsOwnFiles) {
  EXPECT_TRUE(is_text_file(Document::Template, "ko-KR.email.html"));
  EXPECT_TRUE(is_text_file(Document::Template, "en.body.txt"));
  for (const char* name : {"template.json", "notes.txt", "README.md", ".email.html", "a b.sms.txt"}) {
    EXPECT_FALSE(is_text_file(Document::Template, name)) << name;
  }
  EXPECT_TRUE(is_text_file(Document::Layout, "layout.txt"));
}

TEST(TemplateFiles, ComparesWhatIsMeant) {
  const auto a = canonical(Document::Template, "t", R"({"content":{"en":{"title":"x"}}})");
  const auto b =
      canonical(Document::Template, "t",
                R"({"key":"t","version":4,"status":"published","published":true,"archived":true,"params":[],)"
                R"("default_locale":"en","syntax":"mustache","content":{"en":{"title":"x"}}})");
  ASSERT_TRUE(a && b);
  EXPECT_EQ(*a, *b);
  const auto bad = canonical(Document::Template, "t", R"({"content":{"en":{"title":"{{x}}"}}})");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "/content/en/title: \"x\" is not a declared parameter");
}

rc::Gen<std::string> text() {
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(
                          std::vector<std::string>{"a", "\n", "\r\n", " ", "\"", "\\", "<p>", "[item]",
                                                   "배달", "{\"file\":\"x\"}", "{{a}}", "\t", "é"})),
                      [](const std::vector<std::string>& parts) {
                        std::string out;
                        for (const auto& part : parts) out += part;
                        return out;
                      });
}

std::string some_content() {
  std::string out = "{\"title\":" + json_text(*text()) + ",\"body\":" + json_text(*text());
  if (*rc::gen::arbitrary<bool>())
    out += ",\"email\":{\"html\":" + json_text(*text()) + ",\"text\":" + json_text(*text()) + "}";
  if (*rc::gen::arbitrary<bool>()) out += ",\"sms\":{\"body\":" + json_text(*text()) + "}";
  if (*rc::gen::arbitrary<bool>())
    out += ",\"push\":{\"body\":" + json_text(*text()) + R"(,"data":{"file":)" + json_text(*text()) + "}}";
  return out + "}";
}

// What was written and read is what it was, and written again it is the same bytes.
RC_GTEST_PROP(TemplateFilesProperty, PullAfterPushChangesNothing, ()) {
  const std::string json = R"({"params":[{"name":"a","sample":)" + json_text(*text()) +
                           R"(}],"content":{"en":)" + some_content() + R"(,"zh-Hant":)" + some_content() +
                           "}}";
  const auto there = canonical(Document::Template, "t", json);
  RC_PRE(there.has_value());
  const Folder pulled = files(Document::Template, *there);
  const auto pushed = from_files(Document::Template, pulled);
  RC_ASSERT(pushed.has_value());
  const auto again = canonical(Document::Template, "t", *pushed);
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == *there);
  RC_ASSERT(files(Document::Template, *again) == pulled);
}

}  // namespace
}  // namespace carillon::app
