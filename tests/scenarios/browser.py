"""A browser as the server sees one: it keeps the session cookie and the token of the page."""
import base64
import hashlib
import hmac
import struct
import time
import urllib.parse

import harness

PASSWORD = "correct horse battery staple"


def token_of(url):
    """What stands behind the # of an invitation's link."""
    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).fragment.split("?", 1)[1])["token"][0]


def totp(secret, at=None, steps=0):
    """The code of an authenticator app (RFC 6238), computed here and not by the program. `secret`: base32."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    counter = int((time.time() if at is None else at) // 30) + steps
    mac = hmac.new(key, struct.pack(">Q", counter), hashlib.sha1).digest()
    offset = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[offset:offset + 4])[0] & 0x7fffffff) % 1_000_000:06}"


class Browser:
    """`session`: the session object of the last sign-in; `cookie`: "name=value"."""

    def __init__(self, url):
        self.url = url
        self.cookie = self.csrf = self.session = None
        self.set_cookie = ""

    def call(self, method, path, body=None, headers=None):
        """One call as the console's page makes it."""
        headers = dict(headers or {})
        headers.setdefault("Origin", self.url)
        headers.setdefault("Sec-Fetch-Site", "same-origin")
        if self.cookie:
            headers.setdefault("Cookie", self.cookie)
        if self.csrf and method not in ("GET", "HEAD"):
            headers.setdefault("X-CSRF-Token", self.csrf)
        return self._keep(harness.request(self.url + path, method, body, headers))

    def _keep(self, answer):
        if "set-cookie" in answer.headers:
            self.set_cookie = answer.headers["set-cookie"]
            self.cookie = self.set_cookie.split(";")[0]
        if answer.status == 200 and isinstance(answer.body, dict) and "csrf" in answer.body:
            self.session, self.csrf = answer.body, answer.body["csrf"]
        return answer

    def join(self, link, password=PASSWORD, **more):
        return self.call("POST", "/v1/invitations/accept", {"token": token_of(link), "password": password, **more})

    def sign_in(self, who, password=PASSWORD, code=None):
        body = {"email": who, "password": password}
        return self.call("POST", "/v1/session", {**body, "code": code} if code else body)

    def is_in(self):
        status = self.call("GET", "/v1/session").status
        assert status in (200, 401), status
        return status == 200


def member(server, key, grants, **more):
    """Makes a member; a browser in which the member has joined."""
    server.put(f"/v1/members/{key}", {"grants": grants, **more})
    browser = Browser(server.url)
    joined = browser.join(server.post(f"/v1/members/{key}/invite")["url"])
    assert joined.status == 200, joined
    return browser
