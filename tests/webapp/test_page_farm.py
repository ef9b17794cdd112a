from __future__ import annotations

import re
from datetime import timedelta

from modemfarm.model import PartState
from modemfarm.store import day, views
from tests.webapp.sample import ICCID, IMEI, NOW, Sample
from tests.webapp.test_page import form_token


def test_the_last_day_is_counted_by_hour(farm: Sample) -> None:
    for hours, count in ((30, 1), (23, 2), (1, 3), (0, 1)):
        farm.clock.at = NOW - timedelta(hours=hours)
        for _ in range(count):
            farm.left(farm.take(), PartState.SENT)
    farm.clock.at = NOW
    lost = farm.take()
    with farm.store.write() as tx:
        tx.run("UPDATE messages SET state = 'failed', final_at = :at WHERE id = :id", id=lost,
               at=int((NOW - timedelta(hours=2)).timestamp() * 1e6))  # fmt: skip
    found = farm.store.look(day.last_day, NOW)
    assert found.begins == (NOW - timedelta(hours=23)).replace(minute=0)
    assert found.sent == (2, *[0] * 21, 3, 1)
    assert found.failed == (*[0] * 21, 1, 0, 0)


def test_the_drawing_of_the_day_is_also_told_and_a_table(farm: Sample) -> None:
    farm.left(farm.take(), PartState.SENT)
    client = farm.person()
    assert 'hx-get="/fragment/day' in client.get("/").get_data(as_text=True)
    page = client.get("/fragment/day").get_data(as_text=True)
    assert "In the last 24 hours 1 parts were sent and 0 messages failed." in page
    assert page.count('<th scope="row">') == 24
    assert re.search(r'data-sent="(0,){23}1"', page)


def test_commands_in_what_to_do_next_are_set_off_on_tile_modem_and_story(farm: Sample) -> None:
    farm.modem(1, "needs_you", "no_driver", next_action="load_driver")
    lost = farm.take()
    farm.left(lost, PartState.UNKNOWN)
    client = farm.person()
    for path, command in (
        ("/", "modprobe option"),
        (f"/modems/{IMEI.format(1)}", "modprobe option"),
        (f"/messages/{lost}", f"modemfarm messages resolve {lost} sent"),
    ):
        page = client.get(path).get_data(as_text=True)
        assert f"<code>{command}</code>" in page, path
        assert "`" not in page, path


def test_a_tile_bears_what_can_be_done_about_its_modem(farm: Sample) -> None:
    farm.modem(1)
    client = farm.person()
    page = client.get("/").get_data(as_text=True)
    for piece in (f'action="/sims/{ICCID.format(1)}/pause"', "/reset", "#balance", "#ussd"):
        assert piece in page
    client.post(f"/sims/{ICCID.format(1)}/pause", data={"csrf": form_token(page)})
    assert (farm.store.look(views.sim, ICCID.format(1)) or {})["state"] == "paused"
    assert f'action="/sims/{ICCID.format(1)}/resume"' in client.get("/").get_data(as_text=True)


def test_the_wall_shows_state_number_and_what_is_wrong_and_nothing_else(farm: Sample) -> None:
    farm.modem(1)
    farm.modem(2, "needs_you", "pin_wrong", next_action="correct_pin")
    farm.take(text="a secret text")
    client = farm.person()
    page = client.get("/wall").get_data(as_text=True)
    assert "1 of 2 modems working" in page
    assert page.index("Needs you") < page.index("Working")
    assert "secret" not in page
    assert "Pause all sending" in page
    assert "hx-get" in client.get("/fragment/wall").get_data(as_text=True)
