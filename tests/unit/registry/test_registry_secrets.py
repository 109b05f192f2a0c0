"""References to secrets: resolved, read again, and never a value in a message."""

import base64
from pathlib import Path

import pytest

from registry.file import check_registry
from registry.secrets import SecretResolver
from runtime.clock import ManualClock
from schemas.event import Platform
from schemas.registry import Account, Avenue, BilingualText, NotificationChannel, Registry


def account(**secrets: list[str]) -> Account:
    """Return an account with *secrets* by flow."""
    return Account(id="acct", platform="meituan", secrets=secrets)


def resolver(clock: ManualClock | None = None, **environ: str) -> SecretResolver:
    """Return a resolver with an environment of its own."""
    return SecretResolver(environ, clock or ManualClock(0))


def test_both_secrets_are_given_in_the_files_order() -> None:
    found = resolver(OLD="old").secrets_for(account(service=["plain:new", "env:OLD"]), "service")

    assert found == (b"new", b"old")


@pytest.mark.parametrize("flow", ["waimai", "waimai-order-paid"])
def test_every_waimai_flow_takes_the_secrets_of_waimai(flow: str) -> None:
    assert resolver().secrets_for(account(waimai=["plain:s"]), flow) == (b"s",)


def test_a_flow_without_secrets_does_not_exist() -> None:
    subject = resolver()

    assert subject.secrets_for(account(service=["plain:s"]), "push") == ()
    assert subject.problem() is None


@pytest.mark.parametrize("environ", [{}, {"NAME": ""}], ids=["unset", "empty"])
def test_a_missing_variable_names_account_and_flow_and_the_other_secret_stays(environ: dict[str, str]) -> None:
    subject = SecretResolver(environ, ManualClock(0))

    assert subject.secrets_for(account(push=["env:NAME", "plain:hunter2"]), "push") == (b"hunter2",)

    problem = subject.problem() or ""
    assert "account acct, flow push" in problem
    assert "NAME is not set" in problem
    assert "hunter2" not in problem


def test_the_environment_is_read_once() -> None:
    environ = {"NAME": "first"}
    subject = SecretResolver(environ, ManualClock(0))
    environ["NAME"] = "second"

    assert subject.secrets_for(account(push=["env:NAME"]), "push") == (b"first",)


def test_a_file_is_read_again_within_five_seconds(tmp_path: Path) -> None:
    path, clock = tmp_path / "secret", ManualClock(0)
    path.write_bytes(b"first\r\n")
    subject = resolver(clock)
    assert subject.secrets_for(account(push=[f"file:{path}"]), "push") == (b"first",)

    path.write_bytes(b"second line\nlast\n\n")
    clock.advance(5_000)

    assert subject.secrets_for(account(push=[f"file:{path}"]), "push") == (b"second line\nlast",)


def test_a_file_that_vanishes_keeps_its_last_value_and_is_a_problem_until_it_is_back(tmp_path: Path) -> None:
    path, clock, partner = tmp_path / "secret", ManualClock(0), account(service=[f"file:{tmp_path / 'secret'}"])
    path.write_bytes(b"hunter2")
    subject = resolver(clock)
    subject.secrets_for(partner, "service")

    path.unlink()
    clock.advance(5_000)
    assert subject.secrets_for(partner, "service") == (b"hunter2",)
    assert "last value stays in force" in (subject.problem() or "")

    path.write_bytes(b"hunter3")
    clock.advance(5_000)
    assert subject.secrets_for(partner, "service") == (b"hunter3",)
    assert subject.problem() is None


@pytest.mark.parametrize(
    ("content", "cause"), [(b"", "empty"), (b"\n", "empty"), (b"x" * 70_000, "larger"), (None, "No such file")]
)
def test_a_file_that_holds_no_secret_is_a_problem(tmp_path: Path, content: bytes | None, cause: str) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    subject = resolver()

    assert subject.secrets_for(account(push=[f"file:{path}"]), "push") == ()
    assert cause in (subject.problem() or "")


def test_a_check_names_every_missing_secret_and_forgets_accounts_that_went() -> None:
    subject = resolver()
    avenue = Avenue(id="a", name=BilingualText(zh="", en=""))
    partner = account(push=["env:A"], service=["env:B", "plain:x"])

    found = subject.check(Registry(avenue=avenue, accounts=[partner]))

    assert [problem.partition(":")[0] for problem in found] == ["account acct, flow push", "account acct, flow service"]
    assert subject.check(Registry(avenue=avenue)) == ()
    assert subject.problem() is None


GOOD = base64.b64encode(bytes(range(24))).decode()
WRONG = {
    "no base64": "whsec_not/base64!",
    "a signature's mark": f"v1,whsec_{GOOD}",
    "too short": "whsec_" + base64.b64encode(bytes(23)).decode(),
    "too long": "whsec_" + base64.b64encode(bytes(65)).decode(),
}


@pytest.mark.parametrize("spelt", [f"whsec_{GOOD}", GOOD, GOOD.rstrip("="), f" whsec_{GOOD}\n"])
def test_a_secret_that_the_senders_libraries_sign_with_is_well(spelt: str) -> None:
    subject = resolver(NAME=spelt)

    assert subject.secrets_for(account(push=["env:NAME"]), "push") == (spelt.encode(),)
    assert subject.problem() is None


@pytest.mark.parametrize(
    "platform_flow", [("meituan", "push"), ("aihuishou", "push"), ("aihuishou", "webhook"), ("bilibili", "live")]
)
@pytest.mark.parametrize("case", WRONG)
def test_a_webhook_secret_that_spells_no_key_is_named_by_account_and_flow_and_never_itself(
    case: str, platform_flow: tuple[Platform, str]
) -> None:
    platform, flow = platform_flow
    partner = Account(id="acct", platform=platform, secrets={flow: ["env:NAME", f"plain:whsec_{GOOD}"]})
    subject = resolver(NAME=WRONG[case])

    subject.secrets_for(partner, flow)

    problem = subject.problem() or ""
    start = f"account acct, flow {flow}: the environment variable NAME holds no Standard Webhooks secret: "
    assert problem.startswith((f"{start}it ", f"{start}what follows"))
    assert WRONG[case] not in problem
    assert WRONG[case].removeprefix("whsec_") not in problem


def test_a_platform_s_own_secret_may_have_any_form() -> None:
    subject = resolver(NAME="hunter2")

    subject.secrets_for(account(service=["env:NAME"]), "service")

    assert subject.problem() is None


FILE = """
[avenue]
id = "a"
name = { zh = "街", en = "avenue" }

[[accounts]]
id = "partner"
platform = "sunmi"
secrets = { push = ["env:HERE", "env:ELSEWHERE"] }
"""


def test_the_check_of_a_file_names_the_line_of_a_secret_that_can_be_had_here_and_spells_no_key() -> None:
    content = FILE.encode()
    without = check_registry(content)
    assert without.registry is not None, without.problems

    (problem,) = check_registry(content, secrets=resolver(HERE="v1,abcd")).problems

    assert (problem.line, problem.where) == (9, 'accounts "partner", secrets.push.0')
    assert "the environment variable HERE holds no Standard Webhooks secret: it begins with v1," in problem.message
    assert "abcd" not in problem.message
    assert check_registry(content, secrets=resolver(HERE=GOOD)).registry is not None


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("feishu://hunter2?secret=s", None),
        ("JSONS://example.com/hunter2", None),
        ("mailtos://u:hunter2@example.com:465?to=a", None),
        ("https://open.feishu.cn/hunter2", "begins with none of feishu://"),
        ("file:///etc/hunter2", "begins with none of feishu://"),
        ("hunter2", "begins with none of feishu://"),
        ("wecombot://", "the token or host is missing"),
        ("json://example.com/ hunter2", "holds a blank"),
        ("json://example.com/hunter2" + "x" * 2048, "is too long"),
    ],
)
def test_an_address_is_judged_by_its_form_and_never_repeated(address: str, fault: str | None) -> None:
    channel = NotificationChannel(id="c-1", startup="s", address="env:ADDRESS")

    found, said = resolver(ADDRESS=address).address_of(channel)

    assert found == (address if fault is None else None)
    assert (fault or "") in (said or "")
    assert "hunter2" not in (said or "")
    assert ("the environment variable ADDRESS" in (said or "")) == (fault is not None)


def test_an_address_that_is_not_there_names_its_variable() -> None:
    channel = NotificationChannel(id="c-1", startup="s", address="env:ADDRESS")

    assert resolver().address_of(channel) == (None, "the environment variable ADDRESS is not set or empty")
    assert resolver().malformed_address(channel) is None
