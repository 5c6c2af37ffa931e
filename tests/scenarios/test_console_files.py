"""The console comes with the binary, in few bytes, and may do nothing but what it is for."""
import gzip
import re

import harness

AS_IT_IS = {"Accept-Encoding": "identity"}


def test_the_page_is_fresh_and_its_scripts_are_kept_for_ever(server):
    page = harness.request(server.url + "/", headers=AS_IT_IS)
    assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    again = harness.request(server.url + "/", headers={**AS_IT_IS, "If-None-Match": page.headers["etag"]})
    assert again.status == 304 and again.content == b"" and again.headers["etag"] == page.headers["etag"]
    head = harness.request(server.url + "/", "HEAD", headers=AS_IT_IS)
    assert head.status == 200 and head.content == b"" and int(head.headers["content-length"]) == len(page.content)
    names = re.findall(r'(?:src|href)="\.?(/assets/[^"]+)"', page.text)
    assert any(name.endswith(".js") for name in names) and any(name.endswith(".css") for name in names)
    for name in names:
        asset = harness.request(server.url + name, headers=AS_IT_IS)
        assert asset.status == 200, name
        assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
        wanted = "text/javascript" if name.endswith(".js") else "text/css"
        assert asset.headers["content-type"].startswith(wanted)
        assert asset.headers["x-content-type-options"] == "nosniff"


def test_what_is_sent_is_compressed_as_the_browser_likes(server):
    page = harness.request(server.url + "/", headers=AS_IT_IS)
    name = re.search(r'src="\.?(/assets/[^"]+\.js)"', page.text).group(1)
    plain = harness.request(server.url + name, headers=AS_IT_IS)
    zipped = harness.request(server.url + name, headers={"Accept-Encoding": "gzip, br;q=0"})
    assert zipped.headers["content-encoding"] == "gzip" and gzip.decompress(zipped.content) == plain.content
    brotli = harness.request(server.url + name, headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert brotli.headers["content-encoding"] == "br" and len(brotli.content) < len(zipped.content)
    assert "content-encoding" not in plain.headers
    assert len({answer.headers["etag"] for answer in (plain, zipped, brotli)}) == 3
    assert {answer.headers["vary"] for answer in (plain, zipped, brotli)} == {"Accept-Encoding"}
    none = harness.request(server.url + name, headers={"Accept-Encoding": "br", "If-None-Match": plain.headers["etag"]})
    assert none.status == 200, "another form is another answer"
    assert len(brotli.content) < 300_000


def test_the_page_may_load_and_be_shown_by_nothing_else(server):
    headers = harness.request(server.url + "/").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'" and policy["form-action"] == "'self'"
    assert headers["referrer-policy"] == "no-referrer" and headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin" and headers["x-frame-options"] == "DENY"
    # Nothing in the page itself that the policy refuses.
    page = harness.request(server.url + "/", headers=AS_IT_IS).text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page) and " on" + "load=" not in page


def test_what_is_no_file_of_it_is_a_problem(server):
    for path in ("/assets/nothing.js", "/assets/../etc/passwd", "/assets/", "/index.html", "/nothing"):
        answer = harness.request(server.url + path)
        assert (answer.status, answer.body["code"]) == (404, "unknown_path"), path
    assert harness.request(server.url + "/", "POST", {}).status == 405
