"""The doctor's way down the road, with checks that only pretend."""

import threading

import pytest

from avenue.commands.doctor import hop_checks
from avenue.doctor.runner import (
    BrokenError,
    Check,
    CheckContext,
    CheckState,
    HopCheck,
    SkippedError,
    WarnedError,
    as_json,
    first_broken,
    run_checks,
)
from runtime.errors import UnavailableError

PATIENCE_S = 20.0


def well(_patient: CheckContext) -> str:
    return "fine"


def skipped(_patient: CheckContext) -> str:
    raise SkippedError("not here")


def broken(_patient: CheckContext) -> str:
    raise BrokenError("it smokes", "open the window")


def low(_patient: CheckContext) -> str:
    raise WarnedError("10 MB free", "make room")


def unavailable(_patient: CheckContext) -> str:
    raise UnavailableError("no broker; start one")


def test_what_needs_a_broken_hop_is_not_checked_and_everything_else_is() -> None:
    hops = [
        HopCheck("disk", low),
        HopCheck("broker", broken),
        HopCheck("topics", well, ("broker",)),
        HopCheck("registry", well, ("topics",)),
        HopCheck("worker", unavailable),
        HopCheck("pages", well, ("disk",)),
        HopCheck("java", skipped),
    ]

    findings = run_checks(CheckContext(None), hops)

    states = {finding.hop: finding.state for finding in findings}
    assert list(states.items()) == [
        ("disk", CheckState.WARNING),
        ("broker", CheckState.BROKEN),
        ("topics", CheckState.UNCHECKED),
        ("registry", CheckState.UNCHECKED),
        ("worker", CheckState.BROKEN),
        ("pages", CheckState.WELL),
        ("java", CheckState.SKIPPED),
    ]
    assert as_json(findings) | {"checks": []} == {
        "ok": False,
        "first_broken": "broker",
        "next_step": "open the window",
        "warnings": [{"hop": "disk", "detail": "10 MB free", "next_step": "make room"}],
        "checks": [],
    }


def test_a_warning_alone_is_nothing_broken() -> None:
    findings = run_checks(CheckContext(None), [HopCheck("disk", low), HopCheck("worker", well)])

    assert first_broken(findings) is None
    assert as_json(findings)["ok"] is True
    assert [warning["hop"] for warning in as_json(findings)["warnings"]] == ["disk"]


def test_hops_that_need_nothing_of_each_other_are_judged_at_once() -> None:
    together = threading.Barrier(6, timeout=PATIENCE_S)

    def meeting(_patient: CheckContext) -> str:
        return f"number {together.wait()}"

    findings = run_checks(CheckContext(None), [HopCheck(name, meeting) for name in "abcdef"])

    assert sorted(finding.detail for finding in findings) == [f"number {number}" for number in range(6)]


@pytest.mark.parametrize(("check", "detail"), [(unavailable, "no broker; start one"), (broken, "it smokes")])
def test_an_error_of_ours_is_a_broken_hop_with_its_own_words(check: Check, detail: str) -> None:
    (finding,) = run_checks(CheckContext(None), [HopCheck("broker", check)])

    assert finding.state is CheckState.BROKEN
    assert finding.detail == detail
    assert finding.next_step


def test_a_fault_of_the_doctor_is_not_taken_for_a_broken_hop() -> None:
    def faulty(_patient: CheckContext) -> str:
        return str(1 // 0)

    with pytest.raises(ZeroDivisionError):
        run_checks(CheckContext(None), [HopCheck("a", faulty)])


def test_every_hop_comes_after_those_that_it_needs_and_the_account_s_own_come_last() -> None:
    hops = hop_checks()
    names = [hop.name for hop in hops]

    assert names[0] == "settings"
    assert names[-3:] == ["pages", "secrets", "start"]
    assert len(names) == len(set(names))
    assert all(names.index(needed) < place for place, hop in enumerate(hops) for needed in hop.after)
    assert {"disk", "worker"} <= {hop.name for hop in hops if not {"broker", "disk"} & set(hop.after)}
