"""Somebody calls: whoever answers finds the user by the address or the number the caller gives."""
import urllib.parse

import harness


def found(server, address, **more):
    return [user["user_id"] for user in server.all(f"/v1/users?address={urllib.parse.quote(address)}", **more)]


def test_users_are_found_by_address_and_number(server):
    server.put_user("ann", email="ann@Example.test", phone_number="+82 10-1234-5678")
    server.put_user("bob", email="ann@example.test", phone_number="010-1234-5678", country_code="KR")
    server.put_user("cho", email="cho.h@example.test", phone_number="+14155550100")
    server.put_user("dan")
    server.put("/v1/users/ann/devices/test-ok", {"platform": "ios"})
    assert found(server, "ann@example.test") == found(server, "ann@EXAMPLE.test") == ["ann", "bob"]
    assert found(server, "+821012345678") == found(server, "+82 (10) 1234-5678") == ["ann", "bob"]
    assert [u["user_id"] for u in server.get("/v1/users?address=+14155550100")["data"]] == ["cho"], "not escaped"
    assert found(server, "nobody@example.test") == []
    assert found(server, "ann*") == ["ann", "bob"] and found(server, "cho.h@EX*") == ["cho"]
    assert found(server, "+821*") == ["ann", "bob"] and found(server, "+1415*") == ["cho"]
    first = server.get("/v1/users?address=ann*&limit=1")
    assert [u["user_id"] for u in first["data"]] == ["ann"] and first["data"][0]["devices"]
    second = server.get(f"/v1/users?address=ann*&limit=1&after={first['page']['next']}")
    assert [u["user_id"] for u in second["data"]] == ["bob"]
    assert server.api("GET", f"/v1/users?address=cho*&after={first['page']['next']}").status == 422
    server.patch("/v1/users/ann", {"email": None, "phone_number": "+14155550100"})
    assert found(server, "ann@example.test") == ["bob"] and found(server, "+14155550100") == ["ann", "cho"]
    server.delete("/v1/users/cho")
    assert found(server, "+14155550100") == ["ann"]
    assert "bob" in server.cli("user", "list", "--address", "+82*").out


def test_what_is_no_address_is_told(server):
    for address, code in (("anna", "invalid_email"), ("12", "invalid_phone"), ("+82", "invalid_phone"),
                          ("an*", "invalid_email"), ("+8*", "invalid_phone"), ("a b c*", "invalid_email"),
                          ("%FF%FF%FF*", "invalid_email"), ("a@b@c", "invalid_email"), ("*", "invalid_phone")):
        quoted = address if "%" in address else urllib.parse.quote(address)
        answer = server.api("GET", f"/v1/users?address={quoted}")
        assert answer.status == 422 and answer.pointers == ["?address"], answer
        assert answer.body["errors"][0]["code"] == code, answer


def test_users_of_files_are_found_too(server):
    job = server.expect(202, "POST", "/v1/imports/users", b"user_id,phone_number\nann,+821012345678\n",
                        headers={"Content-Type": "text/csv"})
    harness.wait_until(lambda: server.get(f"/v1/jobs/{job['id']}")["state"] == "completed", "the import ends")
    assert found(server, "+821012345678") == ["ann"]
