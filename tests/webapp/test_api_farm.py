from __future__ import annotations

import json

from modemfarm.model import SimState
from modemfarm.store import devices
from tests.webapp.sample import ICCID, IMEI, Sample


def test_a_modem_is_named_by_imei_then_usb_path_then_path(farm: Sample) -> None:
    farm.modem(1)
    farm.modem(2, imei="same")
    farm.modem(3, imei="same")
    farm.modem(4, imei=None, iccid=None)
    client = farm.api()
    names = [modem["id"] for modem in client.get("/v1/modems").get_json()["data"]]
    assert names == [IMEI.format(1), "same@1-1.2", "same@1-1.3", "/dev/ttyV4"]
    for name in (*names, "%2Fdev%2FttyV4", "dev/ttyV4"):
        assert client.get(f"/v1/modems/{name}").status_code == 200, name
    assert client.get("/v1/modems/same").status_code == 404


def test_a_modem_that_moved_to_another_port_is_one_modem(farm: Sample) -> None:
    farm.modem(1, "gone", "gone", imei="moved")
    farm.modem(2, imei="moved")
    modems = farm.api().get("/v1/modems").get_json()["data"]
    assert [(modem["id"], modem["path"]) for modem in modems] == [("moved", "/dev/ttyV2")]


def test_a_modem_tells_its_sentence_in_the_readers_language_with_its_slug(farm: Sample) -> None:
    farm.modem(1, "needs_you", "pin_wrong", next_action="correct_pin")
    client = farm.api()
    wanted = {
        "id", "imei", "path", "usb_path", "host", "family", "model", "firmware", "state", "sentence", "next_action",
        "since", "iccid", "signal_dbm", "operator", "technology", "registration", "last_success_at",
    }  # fmt: skip
    modem = client.get(f"/v1/modems/{IMEI.format(1)}").get_json()
    assert wanted <= modem.keys()
    assert (modem["sentence"], modem["sentence_code"]) == ("The SIM refused its PIN; tries left: ….", "pin_wrong")
    chinese = client.get(f"/v1/modems/{IMEI.format(1)}", headers={"Accept-Language": "zh"}).get_json()
    assert chinese["sentence"] == "SIM 卡拒绝了 PIN 码；还可试 … 次。"


def test_a_possible_modem_is_allowed_by_its_id_and_another_is_not(farm: Sample) -> None:
    farm.modem(1)
    told = {"name": "FT4232", "id": "0403:6011", "ports": "ttyUSB0 ttyUSB1"}
    with farm.store.write() as tx:
        tx.run(
            "INSERT INTO modems (path, host, usb_path, state, sentence, params)"
            " VALUES ('usb:1-4', 'cellar', '1-4', 'paused', 'usb_possible', :params)",
            params=json.dumps(told),
        )
    assert farm.api().post("/v1/modems/usb:1-4/allow").status_code == 202
    assert farm.store.look(devices.allowed, "cellar") == [("1-4", "0403:6011")]
    refused = farm.api().post(f"/v1/modems/{IMEI.format(1)}/allow")
    assert (refused.status_code, refused.json["code"]) == (409, "nothing_to_allow")
    assert farm.api().post("/v1/modems/nobody/allow").status_code == 404


def test_a_reset_is_written_down_for_the_daemon(farm: Sample) -> None:
    farm.modem(1)
    assert farm.api().post(f"/v1/modems/{IMEI.format(1)}/reset").status_code == 202
    with farm.store.read() as tx:
        assert tx.value("SELECT wish FROM modems") == "reset"
    assert farm.api().post("/v1/modems/nobody/reset").status_code == 404


def test_a_sim_is_found_in_any_spelling_with_its_use_and_limits(farm: Sample) -> None:
    farm.modem(1)
    client = farm.api()
    sim = client.get(f"/v1/sims/{ICCID.format(1)}5F").get_json()
    wanted = {
        "iccid", "imsi", "number", "label", "tags", "account", "plan", "state", "reason", "modem", "operator", "used",
        "limits", "balance", "expires",
    }  # fmt: skip
    assert wanted <= sim.keys()
    assert sim["modem"] == IMEI.format(1)
    assert sim["plan"] == "cautious"
    assert (sim["limits"]["day"], sim["used"]["day"], sim["used"]["minute"]) == (100, 0, 0)
    assert sim["used"].keys() == {"minute", "hour", "day", "month", "recipients"}
    farm.left(farm.take())
    assert client.get(f"/v1/sims/{ICCID.format(1)}").get_json()["used"]["minute"] == 1


def test_a_sim_is_changed_paused_and_resumed(farm: Sample) -> None:
    farm.modem(1)
    client = farm.api()
    path = f"/v1/sims/{ICCID.format(1)}"
    changed = client.patch(path, json={"label": "Front desk", "tags": ["a"], "plan": "unlimited"}).get_json()
    assert (changed["label"], changed["tags"], changed["limits"]["day"]) == ("Front desk", ["a"], None)
    assert client.patch(path, json={"label": None}).get_json()["label"] is None
    assert client.patch(path, json={"plan": "golden"}).get_json()["code"] == "unknown_plan"
    assert client.patch(path, json={"state": "active"}).status_code == 422
    paused = client.post(f"{path}/pause").get_json()
    assert (paused["state"], paused["reason"]) == (SimState.PAUSED, "paused_by_you")
    assert client.post(f"{path}/resume").get_json()["state"] == "active"
    assert client.post("/v1/sims/1/pause").status_code == 404


def test_what_is_done_by_the_api_names_its_key(farm: Sample) -> None:
    client = farm.api()
    client.post("/v1/pause")
    client.post("/v1/resume")
    told = farm.store.look(lambda tx: tx.all("SELECT kind, data FROM events WHERE kind LIKE 'farm.%' ORDER BY id"))
    who = [(row["kind"], json.loads(row["data"])["who"]) for row in told]
    (key,) = {row["id"] for row in client.get("/v1/keys").get_json()["data"]}
    assert who == [("farm.paused", f"key {key}"), ("farm.resumed", f"key {key}")]


def test_sending_is_paused_and_resumed(farm: Sample) -> None:
    client = farm.api()
    assert client.post("/v1/pause").get_json()["pauses"][0]["scope"] == "all"
    client.post("/v1/pause", json={"class": "marketing"})
    assert len(client.get("/v1/stats").get_json()["pauses"]) == 2
    assert client.post("/v1/resume").get_json()["pauses"][0]["value"] == "marketing"
    assert client.post("/v1/pause", json={"class": "marketing", "batch": 1}).status_code == 422


def test_replies_are_listed_with_their_verdict(farm: Sample) -> None:
    client = farm.api()
    first, second = farm.reply("几点关门？"), farm.reply("TD", verdict="exact")
    page = client.get("/v1/inbound").get_json()
    assert [item["id"] for item in page["data"]] == [second, first]
    wanted = {
        "id", "iccid", "from", "text", "received_at", "sent_at", "parts", "complete", "kind", "verdict", "in_reply_to", "old",
    }  # fmt: skip
    assert wanted <= page["data"][0].keys()
    assert client.get(f"/v1/inbound/{second}").get_json()["verdict"] == "exact"
    assert len(client.get("/v1/inbound?from=13800138000").get_json()["data"]) == 2
    assert client.get("/v1/inbound/99").status_code == 404


def test_suppressions_are_added_listed_and_lifted(farm: Sample) -> None:
    client = farm.api()
    waits = farm.take()
    assert client.post("/v1/suppressions", json={"number": "13800138000"}).get_json()["canceled"] == 1
    assert client.get(f"/v1/messages/{waits}").get_json()["reason"] == "opted_out"
    assert [item["number"] for item in client.get("/v1/suppressions").get_json()["data"]] == ["+8613800138000"]
    assert client.delete("/v1/suppressions/+8613800138000").status_code == 204
    assert client.delete("/v1/suppressions/+8613800138000").status_code == 404


def test_events_can_be_polled_upwards(farm: Sample) -> None:
    farm.take()
    farm.take()
    client = farm.api()
    page = client.get("/v1/events?order=asc&limit=1").get_json()
    later = client.get(f"/v1/events?order=asc&after={page['next']}").get_json()["data"]
    assert page["data"][0]["kind"] == "message.accepted"
    assert later[0]["id"] > page["data"][0]["id"]


def test_scopes_keep_rooms_apart(farm: Sample) -> None:
    client = farm.app.test_client()
    sender = farm.key("messages:send")
    assert client.get("/v1/modems", headers=sender).get_json()["code"] == "forbidden_scope"
    assert client.get("/v1/suppressions", headers=sender).status_code == 403
    assert client.get("/v1/modems", headers=farm.key("modems")).status_code == 200
    assert client.get("/v1/modems", headers=farm.key("admin")).status_code == 200


def test_health_needs_no_key_and_ready_wants_a_modem(farm: Sample) -> None:
    client = farm.app.test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    farm.modem(1)
    assert client.get("/readyz").status_code == 200
    farm.trouble = "store"
    assert client.get("/healthz").status_code == 503


def test_metrics_carry_their_published_names(farm: Sample) -> None:
    farm.modem(1)
    farm.left(farm.take())
    farm.take()
    farm.reply()
    client = farm.app.test_client()
    text = client.get("/metrics").get_data(as_text=True)
    for line in (
        'modemfarm_messages_total{class="transactional",state="sent"} 1.0',
        f'modemfarm_parts_total{{iccid="{ICCID.format(1)}",result="accepted"}} 1.0',
        'modemfarm_queue_messages{state="queued"} 1.0',
        "modemfarm_queue_oldest_seconds 0.0",
        'modemfarm_send_seconds_bucket{le="3.0"} 1.0',
        "modemfarm_send_seconds_count 1.0",
        f'modemfarm_modem_up{{modem="{IMEI.format(1)}"}} 1.0',
        f'modemfarm_modem_signal_dbm{{modem="{IMEI.format(1)}"}} -80.0',
        'modemfarm_inbound_total{kind="message"} 1.0',
        "modemfarm_optouts_total 0.0",
    ):
        assert line in text
    assert "modemfarm_airtime_utilisation{" in text
    assert "# TYPE modemfarm_modem_resets_total counter" in text
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.168.1.5"}).status_code == 401
    assert client.get("/metrics", headers={"X-Forwarded-For": "8.8.8.8"}).status_code == 401


def test_a_sims_number_and_day_are_checked_and_no_name_is_doubled(farm: Sample) -> None:
    farm.modem(1)
    farm.modem(2)
    client = farm.api()
    path, other = (f"/v1/sims/{ICCID.format(place)}" for place in (1, 2))
    assert client.patch(path, json={"number": "abc"}).status_code == 422
    assert client.patch(path, json={"number": ""}).status_code == 422
    assert client.patch(path, json={"expires": "2027-02-30"}).status_code == 422
    given = {"number": "+8613800138000", "label": "front", "expires": "2027-12-31"}
    for _ in range(2):  # its own words again are none of another SIM
        assert client.patch(path, json=given).status_code == 200
    for double in ({"number": "+8613800138000"}, {"label": "front"}, {"label": ICCID.format(1)}):
        refused = client.patch(other, json=double)
        assert (refused.status_code, refused.get_json()["code"]) == (409, "doubled"), double
