"""What `bench.fuzz` counts of the answers to native pushes: a platform's "come again" is no 5xx, and is seen in a 200."""

import pytest

from bench.hostile import asked_again
from producers.adapters.catalogue import ADAPTERS
from producers.adapters.douyin_life_spi import NEGATIVE as SPI_AGAIN
from producers.adapters.sunmi_callback import NEGATIVE as CALLBACK_AGAIN

PLATFORMS = {"shop": "douyin", "till": "sunmi", "eats": "meituan"}


@pytest.mark.parametrize(
    ("path", "status", "body", "again"),
    [
        ("/in/shop/life-spi?sign=1", 200, SPI_AGAIN.body, True),
        ("/in/till/callback", 500, CALLBACK_AGAIN.body, True),
        ("/in/eats/waimai-order-paid", 503, b'{"code":703,"message":"try again"}', True),
        ("/in/till/callback", 500, b"Internal Server Error", False),
        ("/in/till/callback", 503, CALLBACK_AGAIN.body, False),
        ("/in/shop/life-spi", 200, b'{"data":{"error_code":0,"description":"success"}}', False),
        ("/in/nobody/callback", 500, CALLBACK_AGAIN.body, False),
        ("/v1/events", 500, CALLBACK_AGAIN.body, False),
    ],
)
def test_a_platforms_come_again_is_told_from_other_answers(path: str, status: int, body: bytes, again: bool) -> None:
    assert asked_again(PLATFORMS, path, status, body) is again


def test_every_flow_has_words_of_its_own_for_come_again() -> None:
    assert len(ADAPTERS) > 10
    for adapter in ADAPTERS:
        flow = "waimai-order-paid" if adapter.flow == "waimai" else adapter.flow
        said = adapter.negative
        assert asked_again({"a": adapter.platform}, f"/in/a/{flow}", said.status, said.body), adapter.flow
