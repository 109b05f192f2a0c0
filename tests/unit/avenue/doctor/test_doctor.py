"""The doctor's way down the road, with checks that only pretend."""

import threading

import pytest

from avenue.commands.doctor import road
from avenue.doctor.runner import (
    BrokenError,
    Check,
    Hop,
    Patient,
    SkippedError,
    State,
    WarnedError,
    as_json,
    examine,
    first_broken,
)
from runtime.errors import UnavailableError

PATIENCE_S = 20.0


def well(_patient: Patient) -> str:
    return "fine"


def skipped(_patient: Patient) -> str:
    raise SkippedError("not here")


def broken(_patient: Patient) -> str:
    raise BrokenError("it smokes", "open the window")


def low(_patient: Patient) -> str:
    raise WarnedError("10 MB free", "make room")


def unavailable(_patient: Patient) -> str:
    raise UnavailableError("no broker; start one")


def test_what_needs_a_broken_hop_is_not_checked_and_everything_else_is() -> None:
    hops = [
        Hop("disk", low),
        Hop("broker", broken),
        Hop("topics", well, ("broker",)),
        Hop("registry", well, ("topics",)),
        Hop("worker", unavailable),
        Hop("pages", well, ("disk",)),
        Hop("java", skipped),
    ]

    findings = examine(Patient(None), hops)

    states = {finding.hop: finding.state for finding in findings}
    assert list(states.items()) == [
        ("disk", State.WARNING),
        ("broker", State.BROKEN),
        ("topics", State.UNCHECKED),
        ("registry", State.UNCHECKED),
        ("worker", State.BROKEN),
        ("pages", State.WELL),
        ("java", State.SKIPPED),
    ]
    assert as_json(findings) | {"checks": []} == {
        "ok": False,
        "first_broken": "broker",
        "next_step": "open the window",
        "warnings": [{"hop": "disk", "detail": "10 MB free", "next_step": "make room"}],
        "checks": [],
    }


def test_a_warning_alone_is_nothing_broken() -> None:
    findings = examine(Patient(None), [Hop("disk", low), Hop("worker", well)])

    assert first_broken(findings) is None
    assert as_json(findings)["ok"] is True
    assert [warning["hop"] for warning in as_json(findings)["warnings"]] == ["disk"]


def test_hops_that_need_nothing_of_each_other_are_judged_at_once() -> None:
    together = threading.Barrier(6, timeout=PATIENCE_S)

    def meeting(_patient: Patient) -> str:
        return f"number {together.wait()}"

    findings = examine(Patient(None), [Hop(name, meeting) for name in "abcdef"])

    assert sorted(finding.detail for finding in findings) == [f"number {number}" for number in range(6)]


@pytest.mark.parametrize(("check", "detail"), [(unavailable, "no broker; start one"), (broken, "it smokes")])
def test_an_error_of_ours_is_a_broken_hop_with_its_own_words(check: Check, detail: str) -> None:
    (finding,) = examine(Patient(None), [Hop("broker", check)])

    assert finding.state is State.BROKEN
    assert finding.detail == detail
    assert finding.next_step


def test_a_fault_of_the_doctor_is_not_taken_for_a_broken_hop() -> None:
    def faulty(_patient: Patient) -> str:
        return str(1 // 0)

    with pytest.raises(ZeroDivisionError):
        examine(Patient(None), [Hop("a", faulty)])


def test_every_hop_comes_after_those_that_it_needs_and_the_account_s_own_come_last() -> None:
    hops = road()
    names = [hop.name for hop in hops]

    assert names[0] == "settings"
    assert names[-3:] == ["pages", "secrets", "start"]
    assert len(names) == len(set(names))
    assert all(names.index(needed) < place for place, hop in enumerate(hops) for needed in hop.after)
    assert {"disk", "worker"} <= {hop.name for hop in hops if not {"broker", "disk"} & set(hop.after)}
