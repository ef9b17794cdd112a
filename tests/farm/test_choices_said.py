"""What a choice says of the SIM that came next, and that everybody can read it."""

from __future__ import annotations

import ast
import inspect
import re

from modemfarm import wording
from modemfarm.farm import choosing
from modemfarm.farm.choosing import choose, kept
from tests.farm.test_choosing import NOW, here, lane, part


def test_a_sim_that_the_sender_did_not_ask_for_never_came_next() -> None:
    shop = frozenset({"shop"})
    lanes = [lane("A", names=shop), lane("B", used_today=1), lane("C", used_today=2, names=shop)]
    for last, why in ((lanes[:2], "pinned"), (lanes[1:], "pinned"), (lanes, "pinned C used_more")):
        (given,) = choose([part(1, pinned="shop")], last, here("A", "B", "C"), NOW).assignments
        assert kept(given, {}) == why


def test_all_that_a_choice_may_say_has_its_sentence() -> None:
    spoken = {
        node.value
        for function in (choosing.blocked_by, choosing._against, choosing._behind)
        for node in ast.walk(ast.parse(inspect.getsource(function)))
        if isinstance(node, ast.Constant) and re.fullmatch(r"[a-z]+(_[a-z]+)+", str(node.value))
    }
    assert {"plan_day", "ceiling_cost", "refused_it", "rested_less"} <= spoken
    for slug in spoken | {"not_asked_for"}:  # attempts of the first version say that, too
        for lang in wording.LANGUAGES:
            assert wording.known(f"over.{slug}", lang) or wording.known(f"reason.{slug}", lang), (slug, lang)
