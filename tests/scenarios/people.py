"""Recipients, templates and small readings that several stories need; see harness.py for the rest."""
import base64
import email
import email.policy
import json
import urllib.parse

import harness

PHONE = "+821012345678"
OK_PHONE = "+999000000001"  # reserved: accepted by sandbox and simulator, by no carrier


def token(name):
    """A device token as APNs has them, the same for the same name."""
    return name.encode().hex().ljust(64, "0")[:64]


def ios(server, user_id, name=None, **profile):
    """A user with one iPhone; the token."""
    server.put_user(user_id, **profile)
    value = token(name or user_id)
    server.put(f"/v1/users/{user_id}/devices/{name or user_id}-iphone",
               {"platform": "ios", "endpoints": [{"service": "apns", "token": value}]})
    return value


def android(server, user_id, name=None, **profile):
    """A user with one Android phone; the token."""
    server.put_user(user_id, **profile)
    value = f"fcm-{name or user_id}:APA91b{token(name or user_id)}"
    server.put(f"/v1/users/{user_id}/devices/{name or user_id}-android",
               {"platform": "android", "endpoints": [{"service": "fcm", "token": value}]})
    return value


def template(server, key, **body):
    """Stores a template and publishes it."""
    return server.put(f"/v1/templates/{key}?publish=true", {"default_locale": "en", **body})


def only(things):
    """The one thing there has to be."""
    things = list(things)
    assert len(things) == 1, f"wanted one, there are {len(things)}: {things}"
    return things[0]


def sent_one(server, **notification):
    """Sends, waits for the end, and gives the one delivery it has."""
    answer = server.send(**notification)
    return only(server.wait_final(answer["id"])["deliveries"])


def push_payload(message):
    """The JSON of a push the simulator took."""
    return json.loads(message["content"])


def sms_form(message):
    return dict(urllib.parse.parse_qsl(message["content"], keep_blank_values=True))


def mail(message):
    """A mail the simulator took, read."""
    return email.message_from_string(message["content"], policy=email.policy.default)


def mail_part(message, kind):
    part = mail(message).get_body(preferencelist=(kind,))
    return part.get_content().replace("\r\n", "\n").rstrip("\n") if part else None


def die_at(server, place, act, times=1):
    """Does something, with the server dying at its `times`th visit of that place; the answer may be lost."""
    server.environment = {"CARILLON_FAILPOINTS": f"{place}:kill:{times}"}
    server.restart()
    try:
        act()
    except (OSError, harness.http.client.HTTPException):
        pass
    harness.wait_until(lambda: not server.is_running(), f"{place} was not reached")
    server.kill()
    server.environment = {}


def dead_letters(server):
    """Those nobody has replayed."""
    return [letter for letter in server.all("/v1/dead-letters") if not letter["closed"]]


def move_time(server, simulator, by):
    """Both clocks: a token made by one must not be of the other's future."""
    simulator.advance(by)
    server.advance(by)


def tags(header):
    """A DKIM-Signature header's tags."""
    joined = "".join(header.split())
    return dict(part.split("=", 1) for part in joined.split(";") if part)


def b64(data):
    return base64.b64encode(data).decode()
