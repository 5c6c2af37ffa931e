"""Mail to bücher.example: people write the domain as they read it, mail servers get its ASCII form."""
from people import only, sent_one

ASCII = "ann@xn--bcher-kva.example"


def test_a_domain_with_an_umlaut_is_stored_and_sent_in_its_ascii_form(connected, simulator):
    assert connected.put_user("ann", email="ann@Bücher.example")["email"] == ASCII
    assert sent_one(connected, to=[{"user_id": "ann"}], channels=["email"], title="x", body="y")["status"] == "sent"
    assert only(simulator.messages("smtp", 5))["recipient"] == ASCII


def test_both_forms_are_one_address(connected, simulator):
    mail = {"channels": ["email"], "title": "x", "body": "y"}
    sent = connected.send(to=[{"email": "ann@bücher.example"}, {"email": ASCII}], **mail)
    assert [d["status"] for d in connected.wait_final(sent["id"])["deliveries"]].count("sent") == 1
    assert [n["id"] for n in connected.all("/v1/notifications?email=ann%40b%C3%BCcher.example")] == [sent["id"]]
    connected.post("/v1/suppressions", {"channel": "email", "address": "ann@bücher.example"})
    assert sent_one(connected, to=[{"email": ASCII}], **mail)["reason"] == "address_suppressed"
