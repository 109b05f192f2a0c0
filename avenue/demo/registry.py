"""The demo's registry file: one avenue, every platform, dates around today, and two trials.

One can speak: its places change arm by day, as a lottery says, and each was watched before. One cannot: it has one
place an arm, so that nobody can tell what the product did from what the spot did; its page says so.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from registry.rota import DrawnRota, draw_rota
from schemas.registry import Trial

# Native events may be 30 days old: the trials began before, so that weeks can be simulated.
BEGAN_DAYS_AGO = 35
BASELINE_DAYS = 7
LASTS_DAYS = 56
ROTA_SEED = "demo-rota-2026"

_HEAD = """\
# The demo's avenue. Its secrets are no secrets: `demo = true` allows them, a production profile refuses them.
demo = true

[avenue]
id = "brain-inspired-avenue"
name = { zh = "脑智大道", en = "Brain-Inspired Avenue" }
length_m = 200
timezone = "Asia/Shanghai"
hours = { opens = "08:00", closes = "22:00" }

[[startups]]
id = "calmwave"
name = { zh = "静波科技", en = "CalmWave" }
[[startups]]
id = "limbus"
name = { zh = "灵臂机器人", en = "Limbus Robotics" }

[[products]]
id = "neuro-band"
startup = "calmwave"
name = { zh = "专注力头环", en = "Focus headband" }
[[products]]
id = "emg-arm"
startup = "limbus"
name = { zh = "肌电咖啡机械臂", en = "EMG coffee arm" }
"""

_TRIALS = """
# Its places change arm by day: `avenue trial rota neuro-band-demo` prints where, and --check draws again.
[[trials]]
id = "neuro-band-demo"
product = "neuro-band"
starts = {starts}
ends = {ends}{baseline}
arms = ["baseline", "pilot"]
unit = "placement-day"
hypothesis = {{ zh = "佩戴头环的顾客更常完成体验", en = "Visitors who wear the band complete the session more often" }}
primary_metric = "success_rate"
guardrails = ["duration_p95", "refund_rate"]
planned_units = {planned_units}
smallest_effect = 0.08
rota = {{ seed = "{seed}", block = "day", places = [{places}] }}
# One place an arm, side by side: it cannot tell the product from the place, and its readout refuses and says why.
[[trials]]
id = "emg-arm-demo"
product = "emg-arm"
starts = {starts}
ends = {ends}
arms = ["baseline", "pilot"]
unit = "placement-day"
hypothesis = {{ zh = "机械臂出杯不慢于店员", en = "The arm serves no slower than a barista" }}
primary_metric = "duration_p50"
guardrails = ["success_rate", "refund_rate"]
planned_units = 112
smallest_effect = 2000
"""

_ACCOUNTS = """
[[accounts]]
id = "douyin-main"
platform = "douyin"
public_url = "{public_url}"
[accounts.secrets]
webhook = ["plain:dy_demo_secret"]
life-spi = ["plain:dy_demo_secret"]
live = ["plain:dy_demo_live_secret"]{trade}
[[accounts]]
id = "bilibili-main"
platform = "bilibili"
public_url = "{public_url}"
[accounts.secrets]
webhook = ["plain:bili_demo_secret"]
live = ["plain:whsec_YmlsaWJpbGktZGVtby1saXZlLXJvb20tc2VjcmV0LTE="]
[[accounts]]
id = "meituan-main"
platform = "meituan"
public_url = "{public_url}"
secrets = {{ waimai = ["plain:mt_demo_secret"], service = ["plain:mt_demo_sign_key"] }}
message_types = {{ "580001" = "order.paid" }}
[[accounts]]
id = "aihuishou-main"
platform = "aihuishou"
public_url = "{public_url}"
secrets = {{ webhook = ["plain:whsec_ZGVtby1vbmx5LWRlbW8tb25seS1kZW1vLW9ubHk="] }}
[[accounts]]
id = "sunmi-main"
platform = "sunmi"
public_url = "{public_url}"
secrets = {{ callback = ["plain:sunmi_demo_key"], receipt = ["plain:sunmi_demo_key"] }}
[[accounts]]
id = "push-demo"
platform = "sunmi"
max_event_age = "60d"
secrets = {{ push = ["plain:whsec_cHVzaC1kZW1vLXB1c2gtZGVtby1wdXNoLWRlbW8="] }}
products = ["neuro-band", "emg-arm"]
"""


@dataclass(frozen=True, slots=True)
class _DemoPlacement:
    """A placement: which product, how far along, by which account and keys it is known."""

    metre: int
    zone: str
    product: str
    account: str = ""
    match: tuple[tuple[str, str], ...] = ()

    @property
    def platform(self) -> str:
        return self.account.removesuffix("-main").removesuffix("-demo")

    @property
    def place(self) -> str:
        return f"m{self.metre:03d}"


# One place has one product; several accounts may report it, each with its own key.
_PLACES = (
    (5, "gate", "neuro-band"),
    (17, "café", "neuro-band"),
    (24, "café", "neuro-band"),
    (40, "kiosk", "neuro-band"),
    (52, "kiosk", "neuro-band"),
    (60, "kitchen", "emg-arm"),
    (71, "kitchen", "emg-arm"),
    (88, "studio", "neuro-band"),
    (97, "studio", "neuro-band"),
    (120, "trade-in", "neuro-band"),
    (133, "trade-in", "neuro-band"),
    (150, "lawn", "neuro-band"),
    (166, "lawn", "neuro-band"),
    (184, "lookout", "neuro-band"),
)
_ZONES_ZH = {
    "gate": "入口",
    "café": "咖啡馆",
    "kiosk": "售货亭",
    "kitchen": "厨房",
    "studio": "工作室",
    "trade-in": "回收点",
    "lawn": "草坪",
    "lookout": "观景台",
}
_ARMS_OF_PLACES = {60: "pilot", 71: "baseline"}
"""Of the trial that has no rota."""

_KEYS: tuple[tuple[int, str, str, str], ...] = (
    (5, "sunmi-main", "sn", "N301DEMO0005"),
    (17, "sunmi-main", "sn", "N301DEMO0017"),
    (24, "sunmi-main", "sn", "N301DEMO0024"),
    (40, "sunmi-main", "shop_id", "29240"),
    (52, "sunmi-main", "shop_id", "29252"),
    (40, "douyin-main", "account_id", "7000040"),
    (52, "douyin-main", "account_id", "7000052"),
    (60, "douyin-main", "room_id", "7300000000060"),
    (71, "douyin-main", "room_id", "7300000000071"),
    (88, "douyin-main", "client_key", "aw_demo_0088"),
    (97, "douyin-main", "client_key", "aw_demo_0097"),
    (88, "bilibili-main", "client_id", "c-demo-0088"),
    (97, "bilibili-main", "client_id", "c-demo-0097"),
    (150, "bilibili-main", "room_id", "22000150"),
    (60, "meituan-main", "app_poi_code", "S-DEMO-060"),
    (71, "meituan-main", "app_poi_code", "S-DEMO-071"),
    (150, "meituan-main", "opBizCode", "op-demo-150"),
    (166, "meituan-main", "ePoiId", "poi-demo-166"),
    (120, "aihuishou-main", "store_id", "store-120"),
    (133, "aihuishou-main", "store_id", "store-133"),
)


def demo_registry(
    today: date,
    *,
    public_url: str = "https://gw.example.com",
    trade_key: Path | None = None,
    began_days_ago: int = BEGAN_DAYS_AGO,
) -> str:
    """Return the file's text: what is told of begins at the midnight *began_days_ago* before *today*.

    A third of that time, a week at most, is the baseline of the trial that can speak; then both last eight weeks.

    *public_url* is the address that the platforms' consoles would hold; Meituan's signature covers it. *trade_key* is
    the PEM of the public key that mini-program trade callbacks are verified with; without one there is no such flow.
    """
    first = today - timedelta(days=began_days_ago)
    baseline_days = min(BASELINE_DAYS, began_days_ago // 3)
    starts = first + timedelta(days=baseline_days)
    times = {
        "first": _midnight(first),
        "starts": _midnight(starts),
        "ends": _midnight(starts + timedelta(days=LASTS_DAYS)),
    }
    banded = [f"m{metre:03d}" for metre, _, product in _PLACES if product == "neuro-band"]
    trials = _TRIALS.format(
        **times,
        baseline=f"\nbaseline_from = {times['first']}" if baseline_days else "",
        planned_units=LASTS_DAYS * len(banded),
        places=", ".join(f'"{place}"' for place in banded),
        seed=ROTA_SEED,
    )
    trade = f'\ntrade = ["file:{trade_key}"]' if trade_key else ""
    drawn = _drawn(trials)
    placements = (_placement(stand, times, drawn) for stand in _stands())
    return "".join([_HEAD, trials, _ACCOUNTS.format(public_url=public_url, trade=trade), "\n", *placements])


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00+08:00"


def _drawn(trials: str) -> DrawnRota:
    (banded, _) = (Trial.model_validate(told) for told in tomllib.loads(trials)["trials"])
    return draw_rota(banded, banded.rota.places or () if banded.rota else ())


def _stands() -> Iterator[_DemoPlacement]:
    keys: dict[int, list[tuple[str, str, str]]] = {}
    for metre, account, name, value in _KEYS:
        keys.setdefault(metre, []).append((account, name, value))
    for metre, zone, product in _PLACES:
        for account, name, value in keys.get(metre, []):
            yield _DemoPlacement(metre, zone, product, account, ((name, value),))
        yield _DemoPlacement(metre, zone, product, "push-demo")


def _placement(stand: _DemoPlacement, times: dict[str, str], drawn: DrawnRota) -> str:
    match = ", ".join(f'{name} = "{value}"' for name, value in stand.match)
    lines = [
        "[[placements]]",
        f'id = "p-{stand.metre:03d}-{stand.platform}"',
        f'trial = "{stand.product}-demo"',
        *_arm_lines(stand, drawn),
        f'account = "{stand.account}"',
        f"match = {{ {match} }}" if match else "",
        f'place = "{stand.place}"',
        f"metre = {stand.metre}",
        f'side = "{"north" if stand.metre % 2 else "south"}"',
        f'zone = "{stand.zone}"',
        f'zone_zh = "{_ZONES_ZH[stand.zone]}"',
        f"from = {times['first' if stand.place in drawn.arms else 'starts']}",
        f"until = {times['ends']}",
        "heartbeat_s = 3600" if stand.platform in {"sunmi", "push"} else "",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _arm_lines(stand: _DemoPlacement, drawn: DrawnRota) -> Iterator[str]:
    if stand.place not in drawn.arms:
        yield f'arm = "{_ARMS_OF_PLACES[stand.metre]}"'
        return
    days = (day.isoformat() for day in drawn.days if drawn.arm(stand.place, day) == "pilot")
    yield 'arm = "baseline"'
    yield f"arm_days = {{ pilot = [{', '.join(days)}] }}"


def write_demo_registry(
    path: Path, *, today: date, public_url: str = "https://gw.example.com", began_days_ago: int = BEGAN_DAYS_AGO
) -> Path:
    """Write the demo's registry to *path* (see `demo_registry`), and beside it a key pair for Douyin's trade callbacks.

    Return the private key's file, for `SimulateOptions.private_keys["douyin-main/trade"]`. A pair already there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    private, public = path.with_suffix(".trade-key.pem"), path.with_suffix(".trade-key.pub.pem")
    if not (private.exists() and public.exists()):
        _write_key_pair(private, public)
    text = demo_registry(today, public_url=public_url, trade_key=public.resolve(), began_days_ago=began_days_ago)
    path.write_text(text)
    return private


def _write_key_pair(private: Path, public: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
