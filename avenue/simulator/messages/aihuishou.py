"""Aihuishou's webhooks, in the form this project agrees with it: Standard Webhooks."""

from datetime import UTC, datetime
from functools import partial

from avenue.sending.signing import secret_bytes, standard_headers
from avenue.simulator.messages.base import (
    CHINA,
    JSON,
    Build,
    Message,
    Request,
    Scene,
    Sent,
    Signer,
    any_2xx,
    compact,
    fitting_id,
)
from schemas.outcomes import RejectReason

_KINDS = {"quoted": "trade_in.quoted", "completed": "trade_in.completed"}
_MODELS = ("头环 一代", "旧手机 128G", "平板 10 寸")


def _request(signer: Signer, scene: Scene, body: bytes) -> Request:
    return Request(
        platform="aihuishou",
        account=signer.account.id,
        flow="webhook",
        path=f"/in/{signer.account.id}/webhook",
        body=body,
        headers={"content-type": JSON},
        positive=any_2xx,
        sign=partial(_headers, secret_bytes(signer.text), f"msg_{scene.token}", body),
    )


def _headers(key: bytes, message_id: str, body: bytes, now_ms: int) -> dict[str, str]:
    return dict(standard_headers(key, message_id, now_ms, body))


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _body(scene: Scene, sort: str, status: str) -> bytes:
    return compact(
        {
            "type": sort,
            "timestamp": _utc(scene.now_ms),
            "data": {
                "order_no": f"R{scene.token}",
                "status": status,
                "device_model": scene.rng.choice(_MODELS),
                "amount_fen": scene.fen * 50,
                "store_id": scene.keys["store_id"],
                "occurred_at": datetime.fromtimestamp(scene.occurred_ms / 1000, CHINA).isoformat(
                    timespec="milliseconds"
                ),
            },
        }
    )


def _changed_to(status: str) -> Build:
    def build(signer: Signer, scene: Scene) -> Message:
        body = _body(scene, "recycle.order.status_changed", status)
        event_id = fitting_id("ahs:", f"msg_{scene.token}")
        event = Sent(event_id, _KINDS.get(status, "interaction"), scene.occurred_ms)
        return Message(_request(signer, scene, body), (event,))

    return build


quoted, completed, moved_on = _changed_to("quoted"), _changed_to("completed"), _changed_to("inspected")


def status_changed(signer: Signer, scene: Scene) -> Message:
    """Return a change of a trade-in's status: quoted, inspected, completed."""
    return scene.rng.choice((quoted, quoted, moved_on, completed))(signer, scene)


def unmapped(signer: Signer, scene: Scene) -> Message:
    """Return a message of a type that becomes nothing here."""
    body = _body(scene, "recycle.store.opened", "open")
    event = Sent("", "", None, "rejected", RejectReason.UNSUPPORTED_EVENT, "unsupported")
    return Message(_request(signer, scene, body), (event,))


def broken(signer: Signer, scene: Scene) -> Message:
    """Return a signed body that is not JSON."""
    body = b'{"type":"recycle.order.status_changed","data":{"order_no":"' + scene.token.encode()
    event = Sent("", "", None, "rejected", RejectReason.MALFORMED, "malformed")
    return Message(_request(signer, scene, body), (event,))
