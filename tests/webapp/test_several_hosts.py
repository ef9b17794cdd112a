"""Modems of several hosts on one page: each says where it is."""

from __future__ import annotations

from tests.webapp.sample import Sample


def test_tiles_name_their_host_where_there_are_several(farm: Sample) -> None:
    farm.modem(1)
    alone = farm.person().get("/").text
    assert 'class="host"' not in alone
    facts = {"path": "/dev/ttyUSB7", "state": "working", "sentence": "ready", "params": "{}", "next_action": ""}
    with farm.deps.store.write() as tx:
        tx.run("INSERT INTO modems (host, path, state, sentence, params, next_action, since) SELECT 'attic',"
               " :path, :state, :sentence, :params, :next_action, since FROM modems", **facts)  # fmt: skip
    both = farm.person().get("/").text
    assert '<span class="host">shop</span>' in both
    assert '<span class="host">attic</span>' in both
