"""What people write in an SMS, or call themselves, stays text on every page; and what is too large or too clever is refused."""

from __future__ import annotations

import http.client
import io
import json
import re

import pytest

from modemfarm.webapp.server import serve
from modemfarm.webapp.settings import MOST_BATCH_OCTETS, MOST_BODY_OCTETS, WebSettings
from tests.webapp.sample import Sample
from tests.webapp.test_attacks import LOOKS, routes

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}{% raw %}${7*7}"
NAME = "<b>{{7*7}}"  # an alphanumeric sender has 11 characters at most
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", re.IGNORECASE)


def test_texts_and_senders_stay_text_on_every_page(demo: Sample) -> None:
    demo.modem(1)
    message = demo.take(text=EVIL)
    demo.left(message)
    demo.reply(EVIL, NAME)
    demo.reply(EVIL, "+8613800138000", verdict="probable")
    client, shown = demo.person(), 0
    for method, path, view in routes(demo):
        if method not in LOOKS or not hasattr(view, "role"):
            continue
        answer = client.get(path)
        if answer.status_code != 200:
            continue
        shown += "alert(1)" in answer.text
        for piece in ("<script>alert", "<img src=x", "<b>{{", "49{%", "'><img"):
            assert piece not in answer.text, path
        assert INLINE.search(re.sub(r"&lt;.*?&gt;", "", answer.text)) is None, path
        assert "{{7*7}}" in answer.text or "7*7" not in answer.text, path
    assert shown >= 3  # message, messages, inbox


@pytest.mark.parametrize("path", ["/login", "/docs", "/nowhere"])
def test_pages_for_everybody_have_nothing_inline_and_the_strict_headers(farm: Sample, path: str) -> None:
    answer = farm.app.test_client().get(path)
    assert INLINE.search(answer.text) is None
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert (answer.headers["X-Content-Type-Options"], answer.headers["X-Frame-Options"]) == ("nosniff", "DENY")
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)


def test_the_docs_page_describes_every_operation(farm: Sample) -> None:
    client = farm.app.test_client()
    text = client.get("/docs").text
    for path, methods in client.get("/v1/openapi.json").get_json()["paths"].items():
        for method in methods:
            if method != "parameters":
                assert f"{method.upper()} {path}</code>" in text


def test_line_breaks_from_outside_reach_no_header(farm: Sample) -> None:
    client = farm.person()
    for path in (
        "/messages?to=a%0d%0aX-Evil:1",
        "/?lang=en%0d%0aX-Evil:1",
        "/login?token=%0d%0aX-Evil:1",
        "/%0d%0aX-Evil:1",
    ):
        assert "X-Evil" not in client.get(path).headers, path
    made = farm.api().post("/v1/messages", json={"to": "+8613800138000", "text": "x", "reference": "a\r\nX-Evil: 1"})
    assert "X-Evil" not in made.headers


def test_bodies_too_large_are_refused_before_they_are_read(farm: Sample) -> None:
    large = b'{"to": "+8613800138000", "text": "' + b"x" * MOST_BODY_OCTETS + b'"}'
    assert farm.api().post("/v1/messages", data=large, content_type="application/json").status_code == 413
    client = farm.person()
    assert client.post("/send", data={"text": "x" * (MOST_BODY_OCTETS + 1)}).status_code in {403, 413}
    assert client.post("/login", data={"name": "x" * (MOST_BODY_OCTETS + 1)}).status_code in {403, 413}


def test_a_body_that_does_not_say_its_length_is_refused_too(farm: Sample) -> None:
    pieces = (b"x" * 65_536 for _ in range(2 * MOST_BODY_OCTETS // 65_536))
    server = serve(farm.app, WebSettings(port=0))
    try:
        one = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        headers = {**farm.key(), "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        one.request("POST", "/v1/messages", pieces, headers, encode_chunked=True)
        answer = one.getresponse()
        assert (answer.status, json.load(answer)["code"]) == (413, "too_large")
        one.close()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("path", "kind", "most"),
    [
        ("/v1/messages", "application/json", MOST_BODY_OCTETS),
        ("/v1/batches", "text/csv", MOST_BATCH_OCTETS),
        ("/v1/contacts/import", "text/csv", MOST_BATCH_OCTETS),
        ("/v1/consents/import", "text/csv", MOST_BATCH_OCTETS),
    ],
)
def test_nor_is_it_cut_off_where_a_server_hands_it_on_piece_by_piece(
    farm: Sample, path: str, kind: str, most: int
) -> None:
    """As gunicorn does: a list that lost its last rows on the way would be taken for a whole one."""
    answer = farm.app.test_client().post(
        path,
        input_stream=io.BytesIO(b"to,text\n" + b"\n" * most),
        content_type=kind,
        headers=farm.key(),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
