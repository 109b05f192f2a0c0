"""The doctor's way down the road, with checks that only pretend."""

import pytest

from avenue.commands.doctor import road
from avenue.doctor.examine import BrokenError, Patient, SkippedError, State, as_json, examine
from runtime.errors import UnavailableError


def well(_patient: Patient) -> str:
    return "fine"


def skipped(_patient: Patient) -> str:
    raise SkippedError("not here")


def broken(_patient: Patient) -> str:
    raise BrokenError("it smokes", "open the window")


def unavailable(_patient: Patient) -> str:
    raise UnavailableError("no broker; start one")


def test_what_comes_after_the_first_broken_hop_is_not_checked() -> None:
    findings = examine(Patient(None), [("a", well), ("b", skipped), ("c", broken), ("d", well)])

    assert [f.state for f in findings] == [State.WELL, State.SKIPPED, State.BROKEN, State.UNCHECKED]
    assert as_json(findings) | {"checks": []} == {
        "ok": False,
        "first_broken": "c",
        "next_step": "open the window",
        "checks": [],
    }


def test_an_error_of_ours_is_a_broken_hop_with_its_own_words() -> None:
    (finding,) = examine(Patient(None), [("broker", unavailable)])

    assert finding.state is State.BROKEN
    assert finding.detail == "no broker; start one"
    assert finding.next_step


def test_a_fault_of_the_doctor_is_not_taken_for_a_broken_hop() -> None:
    def faulty(_patient: Patient) -> str:
        return str(1 // 0)

    with pytest.raises(ZeroDivisionError):
        examine(Patient(None), [("a", faulty)])


def test_the_road_begins_with_the_settings_and_ends_with_what_only_one_account_needs() -> None:
    hops = [hop for hop, _check in road()]

    assert hops[0] == "settings"
    assert hops[-2:] == ["pages", "secrets"]
    assert len(hops) == len(set(hops))
