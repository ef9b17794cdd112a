"""Commands that were given up, what their late answers are taken for, and noise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modemfarm.at.events import Answered, Command, Info, Late, Noise, Unsolicited
from modemfarm.at.machine import LINE_LIMIT
from modemfarm.errors import CmsError
from tests.at.machines import CMGS, CSQ, machine, submitted


class TestGivenUp:
    """Late results are never taken for the next command's."""

    def test_late_cmgs_alone(self) -> None:
        at = submitted()
        at.give_up()
        assert at.receive(b"\r\n+CMGS: 5\r\n") == [Late(CMGS, ("+CMGS: 5",), None)]
        assert at.receive(b"\r\nOK\r\n") == []
        assert at.in_sync

    def test_late_cmgs_before_the_next_answer(self) -> None:
        at = submitted()
        at.give_up()
        at.send(CSQ)
        events = at.receive(b"\r\n+CMGS: 5\r\n\r\nOK\r\nAT+CSQ\r\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
        assert events == [Late(CMGS, ("+CMGS: 5",), None), Answered(CSQ, ("+CSQ: 9,99",), None)]

    def test_late_error_before_the_next_answer(self) -> None:
        at = submitted()
        at.give_up()
        at.send(CSQ)
        late, answered = at.receive(b"\r\n+CMS ERROR: 38\r\n\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
        assert isinstance(late, Late)
        assert isinstance(late.error, CmsError)
        assert late.error.code == 38
        assert answered == Answered(CSQ, ("+CSQ: 9,99",), None)

    def test_late_cmgs_between_answer_and_result(self) -> None:
        at = submitted()
        at.give_up()
        at.send(CSQ)
        events = at.receive(b"\r\n+CSQ: 9,99\r\n+CMGS: 5\r\n\r\nOK\r\n")
        assert events == [Late(CMGS, ("+CMGS: 5",), None), Answered(CSQ, ("+CSQ: 9,99",), None)]
        assert not at.in_sync
        assert at.receive(b"\r\nOK\r\n") == []
        assert at.in_sync

    def test_late_cmgs_after_the_next_answer(self) -> None:
        at = submitted()
        at.give_up()
        at.send(CSQ)
        assert at.receive(b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n") == [Answered(CSQ, ("+CSQ: 9,99",), None)]
        assert at.in_sync
        at.send(Command("+CREG?"))
        events = at.receive(b"\r\n+CMGS: 5\r\n\r\nOK\r\n\r\n+CREG: 0,1\r\n\r\nOK\r\n")
        assert events == [Late(CMGS, ("+CMGS: 5",), None), Answered(Command("+CREG?"), ("+CREG: 0,1",), None)]

    def test_ok_that_never_came_blocks_nobody_for_ever(self) -> None:
        at = submitted()
        at.give_up()
        at.receive(b"\r\n+CMGS: 5\r\n")
        at.send(CSQ)
        at.receive(b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
        assert at.in_sync

    def test_an_unmarked_result_goes_to_the_ghost_once(self) -> None:
        at = submitted()
        at.give_up()
        at.send(Command(""))
        assert at.receive(b"\r\nOK\r\n") == [Late(CMGS, (), None)]
        at.give_up()
        at.send(Command(""))
        assert at.receive(b"\r\nOK\r\n") == [Answered(Command(""), (), None)]

    def test_cmgs_goes_to_the_ghost_even_while_another_submission_runs(self) -> None:
        at = submitted()
        at.give_up()
        other = Command("+CMGS=14", body=CMGS.body, tag=2)
        at.send(other)
        at.receive(b"\r\n> ")
        at.write_body()
        assert at.receive(b"\r\n+CMGS: 5\r\n") == [Late(CMGS, ("+CMGS: 5",), None)]

    def test_after_resync_the_next_submission_has_its_own_result(self) -> None:
        at = submitted()
        at.give_up()
        at.send(CSQ)
        at.receive(b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
        other = Command("+CMGS=14", body=CMGS.body, tag=2)
        at.send(other)
        at.receive(b"\r\n> ")
        at.write_body()
        assert at.receive(b"\r\n+CMGS: 6\r\n") == [Info(other, "+CMGS: 6")]

    def test_the_same_question_twice_proves_nothing(self) -> None:
        at = machine(CSQ)
        at.give_up()
        at.send(CSQ)
        at.receive(b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
        assert not at.in_sync
        at.send(Command("+CGSN"))
        events = at.receive(b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n\r\n867322001234567\r\n\r\nOK\r\n")
        assert isinstance(events[-1], Answered)
        assert events[-1].lines == ("867322001234567",)

    def test_an_earlier_sessions_command_can_be_expected(self) -> None:
        at = machine()
        at.expect_late(CMGS)
        assert at.receive(b"\r\n+CMGS: 5\r\n\r\nOK\r\n") == [Late(CMGS, ("+CMGS: 5",), None)]

    def test_a_reset_modem_owes_nothing(self) -> None:
        at = submitted()
        at.give_up()
        at.forget()
        assert at.in_sync
        at.send(Command(""))
        assert at.receive(b"\r\nOK\r\n") == [Answered(Command(""), (), None)]


class TestNoise:
    """Noise never raises and costs at most the reply it hit."""

    def test_over_long_line_is_bounded(self) -> None:
        at = machine(CSQ)
        events = at.receive(b"x" * 100_000 + b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
        assert events == [Noise(b"x" * LINE_LIMIT), Answered(CSQ, ("+CSQ: 9,99",), None)]

    def test_over_long_line_without_end_holds_no_memory(self) -> None:
        at = machine()
        assert sum(len(at.receive(b"x" * 1000)) for _ in range(100)) == 1

    def test_stray_result_is_noise(self) -> None:
        assert machine().receive(b"\r\nOK\r\n") == [Noise(b"OK")]

    def test_unknown_line_is_unsolicited(self) -> None:
        assert machine().receive(b"\r\n+XYZ: 1\r\n") == [Unsolicited("+XYZ: 1")]

    def test_operator_name_in_its_own_script_is_kept(self) -> None:
        line = '+COPS: 0,0,"中国移动",7'
        (event,) = machine(Command("+COPS?")).receive(f"\r\n{line}\r\n\r\nOK\r\n".encode())
        assert isinstance(event, Answered)
        assert event.lines == (line,)

    @given(st.lists(st.binary(max_size=80), max_size=20))
    def test_anything_at_all_gives_events(self, chunks: list[bytes]) -> None:
        at = submitted()
        for chunk in chunks:
            at.receive(chunk)

    @given(st.binary(max_size=300))
    def test_the_reply_after_noise_is_read(self, noise: bytes) -> None:
        at = machine(Command("+CREG?"))
        at.receive(noise + b"\r\n\r\nOK\r\n\r\n\r\n")
        if at.in_flight is not None:
            at.give_up()
        at.forget()
        at.end_header()
        at.send(CSQ)
        events = at.receive(b"\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
        assert events[-1] == Answered(CSQ, ("+CSQ: 9,99",), None)
