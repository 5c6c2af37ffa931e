#include "model/layout.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "model/pieces_test.h"
#include "model/template.h"

namespace carillon::model {
namespace {

std::string json_text(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

struct Read {
  Layout value;
  base::Problems problems;
};

Read read(std::string_view html, std::string_view text = {}) {
  base::JsonDocument document;
  const auto root = document.parse("{\"html\":" + json_text(html) + ",\"text\":" + json_text(text) + "}");
  EXPECT_TRUE(root);
  Read out;
  if (root) out.value = read_layout(*root, "main", out.problems);
  return out;
}

std::string complaint(std::string_view html, std::string_view text = {}) {
  const Read r = read(html, text);
  return r.problems.empty() ? "" : r.problems.front().pointer + " " + r.problems.front().code;
}

std::shared_ptr<CompiledTemplate> framed(std::string_view html, std::string_view text,
                                         std::string_view template_json) {
  Read r = read(html, text);
  EXPECT_TRUE(r.problems.empty()) << r.problems.front().detail;
  base::JsonDocument document;
  base::Problems problems;
  auto t = std::make_shared<const Template>(read_template(*document.parse(template_json), "t", problems));
  EXPECT_TRUE(problems.empty()) << problems.front().pointer << problems.front().detail;
  auto made = CompiledTemplate::compile(std::move(t), std::make_shared<const Layout>(std::move(r.value)));
  EXPECT_TRUE(made) << made.error().message;
  return made ? *made : nullptr;
}

CompiledTemplate::Input email(std::string_view params = {}) {
  CompiledTemplate::Input input;
  input.channel = Channel::Email;
  input.params = params;
  return input;
}

constexpr std::string_view kWelcome =
    R"({"layout":"main","params":[{"name":"a"}],"content":{"en":{"title":"Hi {{a}}","body":"text {{a}}",)"
    R"("email":{"preheader":"see {{a}}","html":"<p>{{a}}</p>"}},"ko":{"email":{"html":"<p>안녕 {{a}}</p>"}}}})";

TEST(Layout, FramesHtmlAndText) {
  const BrandVariables brand{{"name", "A&B"}, {"site", "https://example.test"}};
  const auto t = framed(
      "<html lang=\"{{locale}}\"><title>{{subject}}</title>{{preheader}}<main>{{{content}}}</main>"
      "<a href=\"{{brand.site}}\">{{brand.name}}</a>{{#user.name}}<i>{{user.name}}</i>{{/user.name}}</html>",
      "{{content}}\n-- \n{{brand.name}} {{brand.nothing}}", kWelcome);
  auto input = email(R"({"a":"<b>"})");
  input.brand = &brand;
  input.user_name = "O'Neil";
  const auto message = t->render(input);
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->html,
            "<html lang=\"en\"><title>Hi &lt;b&gt;</title>see &lt;b&gt;<main><p>&lt;b&gt;</p></main>"
            "<a href=\"https://example.test\">A&amp;B</a><i>O&#39;Neil</i></html>");
  EXPECT_EQ(message->body, "text <b>\n-- \nA&B ");
  EXPECT_TRUE(message->html_has_preheader);
  input.channel = Channel::Sms;
  EXPECT_EQ(t->render(input)->body, "text <b>");
}

TEST(Layout, FramesWhatIsThere) {
  const auto t =
      framed("<p>{{{content}}}</p>", "", R"({"layout":"main","content":{"en":{"title":"x","body":"b"}}})");
  const auto message = t->render(email());
  ASSERT_TRUE(message);
  EXPECT_EQ(message->html, "");
  EXPECT_EQ(message->body, "b");
  EXPECT_FALSE(message->html_has_preheader);
}

TEST(Layout, ABrandVariableInALinkIsChecked) {
  const BrandVariables brand{{"site", "javascript:alert(1)"}};
  const auto t = framed("<a href=\"{{brand.site}}\">x</a>{{{content}}}", "", kWelcome);
  auto input = email();
  input.brand = &brand;
  const auto message = t->render(input);
  ASSERT_FALSE(message);
  EXPECT_TRUE(message.error().message.starts_with("invalid_url: \"brand.site\""));
}

TEST(Layout, BrandVariablesServeTemplatesToo) {
  const BrandVariables brand{{"name", "Bells"}};
  const auto t =
      framed("{{{content}}}", "",
             R"({"layout":"main","params":[{"name":"l","type":"list"}],"content":{"en":{"title":)"
             R"("{{brand.name}}","body":"{{#l}}{{brand.name}} {{/l}}{{#brand.x}}never{{/brand.x}}"}}})");
  auto input = email(R"({"l":[{"brand":{"name":"Own"}},{}]})");
  input.brand = &brand;
  const auto message = t->render(input);
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->subject, "Bells");
  EXPECT_EQ(message->body, "Own Bells ");  // an item's own member wins, as everywhere
}

TEST(Layout, SaysWhatDoesNotCompileAndWhere) {
  EXPECT_EQ(complaint("<p></p>"), "/html invalid_template");
  EXPECT_EQ(complaint("{{{content}}}{{{content}}}"), "/html invalid_template");
  EXPECT_EQ(complaint("{{content}}"), "/html invalid_template");
  EXPECT_EQ(complaint("<a title=\"{{{content}}}\">"), "/html invalid_template");
  EXPECT_EQ(complaint("<script>{{{content}}}</script>"), "/html invalid_template");
  EXPECT_EQ(complaint("{{#brand.x}}{{{content}}}{{/brand.x}}"), "/html invalid_template");
  EXPECT_EQ(complaint("{{{content}}}{{name}}"), "/html undeclared_name");
  EXPECT_EQ(complaint("{{{content}}}{{{brand.x}}}"), "/html invalid_template");
  EXPECT_EQ(complaint("{{{content}}}", "no place"), "/text invalid_template");
  EXPECT_EQ(complaint("{{{content}}}", "{{content}}"), "");
  EXPECT_EQ(complaint("{{&content}}", "{{{content}}}"), "");
}

TEST(Layout, ATemplateInAFrameClosesItsTags) {
  base::JsonDocument document;
  for (const auto& [html, is_good] :
       {std::pair("<p>{{a}}</p>", true), {"<script>", false}, {"<a href='", false}}) {
    base::Problems problems;
    const std::string json = R"({"layout":"main","params":[{"name":"a"}],"content":{"en":{"email":{"html":)" +
                             json_text(html) + "}}}}";
    static_cast<void>(read_template(*document.parse(json), "t", problems));
    EXPECT_EQ(problems.empty(), is_good) << html;
  }
}

TEST(Layout, ReadsBackWhatItWrote) {
  Read r = read("<p>{{{content}}}</p>", "{{content}}");
  r.value.version = 3;
  r.value.is_published = true;
  base::JsonWriter out;
  write_layout(out, r.value);
  const std::string json = out.str();
  const auto again = decode_layout(json);
  ASSERT_TRUE(again);
  write_layout(out, *again);
  EXPECT_EQ(out.str(), json);
  EXPECT_EQ(decode_layout("{}").error().code, Errc::Corruption);
}

// Whatever of the template and the frame compiles: no tag of a value gets into the HTML.
RC_GTEST_PROP(LayoutProperty, NoValueBringsMarkup, ()) {
  // Mostly whole elements, so that most of what is made compiles; some are broken.
  std::vector<std::string> inner, outer;
  for (const char* name : {"user.name", "brand.name"}) {
    for (const std::string& around :
         {"<p>$</p>", "<a href=\"$\">x</a>", "<b class='$'>", "<i title=\"a$b\">", "$", "<style>$</style>",
          "<!-- $ -->", "<a href='https://e.test/?q=$'>x</a>"}) {
      for (auto& [tags, more] : {std::pair(&inner, "{{a}}"), std::pair(&outer, "{{subject}}")}) {
        for (const std::string& tag : {"{{" + std::string(name) + "}}", std::string(more)}) {
          std::string text = around;
          text.replace(text.find('$'), 1, tag);
          tags->push_back(std::move(text));
        }
      }
    }
  }
  for (const char* more :
       {"{{#l}}<i>{{.}}</i>{{/l}}", "{{^l}}{{a}}{{/l}}", "{{d}} {{m}}", "<script>", "<a href='"})
    inner.emplace_back(more);
  for (const char* more :
       {"{{#preheader}}<i>{{preheader}}</i>{{/preheader}}", "{{locale}}", "<script>", "\""})
    outer.emplace_back(more);
  const std::string html = *pieces(inner), head = *pieces(outer), foot = *pieces(outer);
  const std::string value = "\x01<evil>\"'&" + *pieces({"<", ">", "\"", "'", "&", "javascript:", "x"});
  base::JsonDocument document;
  base::Problems problems;
  const std::string json =
      R"({"layout":"main","params":[{"name":"a"},{"name":"l","type":"list"},{"name":"d","type":"date"},)"
      R"({"name":"m","type":"money"}],"content":{"en":{"title":"{{a}}",)"
      R"("email":{"preheader":"{{a}}","html":)" +
      json_text(html.empty() ? "x" : html) + "}}}}";
  auto t = std::make_shared<const Template>(read_template(*document.parse(json), "t", problems));
  Read layout = read(head + "{{{content}}}" + foot);
  RC_CLASSIFY(problems.empty() && layout.problems.empty(), "compiles");
  if (!problems.empty() || !layout.problems.empty()) return;
  const auto compiled =
      CompiledTemplate::compile(std::move(t), std::make_shared<const Layout>(std::move(layout.value)));
  RC_ASSERT(compiled.has_value());
  const BrandVariables brand{{"name", value}};
  const std::string params = "{\"a\":" + json_text(value) + ",\"l\":[" + json_text(value) +
                             R"(],"d":"2026-12-01","m":{"amount":"1","currency":"EUR"}})";
  auto input = email(params);
  input.brand = &brand;
  input.user_name = value;
  const auto message = (*compiled)->render(input);
  if (!message) return;  // a link with a value that is none
  // The mark stands at the beginning of every value: what follows it is never markup.
  const std::string_view escaped = "&lt;evil&gt;&quot;&#39;";
  for (std::size_t at = message->html.find('\x01'); at != std::string::npos;
       at = message->html.find('\x01', at + 1)) {
    RC_ASSERT(message->html.compare(at + 1, escaped.size(), escaped) == 0);
  }
  RC_ASSERT(message->html.find("<evil>") == std::string::npos);
}

}  // namespace
}  // namespace carillon::model
