"""Requests that are signed by Standard Webhooks, whichever platform's they stand for."""

from functools import partial

from avenue.simulator.messages.base import JSON, FlowSigner, MessageContext, PushRequest, any_2xx
from registry.webhook_signing import secret_bytes, standard_headers


def signed_request(platform: str, flow: str, signer: FlowSigner, context: MessageContext, body: bytes) -> PushRequest:
    """Return *body* as a push to *flow*, signed anew at each attempt under one id."""
    return PushRequest(
        platform=platform,
        account=signer.account.id,
        flow=flow,
        path=f"/in/{signer.account.id}/{flow}",
        body=body,
        headers={"content-type": JSON},
        positive=any_2xx,
        sign=partial(_headers, secret_bytes(signer.text), f"msg_{context.token}", body),
    )


def _headers(key: bytes, message_id: str, body: bytes, now_ms: int) -> dict[str, str]:
    return dict(standard_headers(key, message_id, now_ms, body))
