"""How long a sender waits: as the server asks, and never for ever."""

import httpx
import pytest

from avenue.sending.retry import FinalReply, RetryPolicy, WireRequest, retry_after_s, send_with_retries

NOW_S = 1_795_381_200.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("Sun, 22 Nov 2026 21:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2020 21:00:30 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
    ],
)
def test_retry_after_in_either_form(text: str, seconds: float | None) -> None:
    assert retry_after_s(text, now_s=NOW_S) == seconds


class Server:
    """Answers from a list, the last one for ever; an exception is raised. Its clock is the pauses taken."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.pauses: list[float] = []
        self.bodies: list[bytes] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.content)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def ask(self, *, give_up_s: float = 60.0) -> FinalReply:
        transport = httpx.MockTransport(self.handle)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await send_with_retries(
                client, lambda: WireRequest("POST", "/v1/events", {}, b"body"), RetryPolicy(give_up_s, sleep=self.sleep)
            )


def answer(status: int, retry_after: str = "") -> httpx.Response:
    return httpx.Response(status, headers={"retry-after": retry_after} if retry_after else {})


async def test_the_pause_is_what_the_server_asks_and_little_more() -> None:
    server = Server(answer(503, "7"), answer(429, "3"), answer(200))
    reply = await server.ask()

    assert (reply.status, reply.attempts) == (200, 3)
    assert 7 <= server.pauses[0] <= 8
    assert 3 <= server.pauses[1] <= 4


async def test_without_a_wish_the_pauses_grow_at_random() -> None:
    server = Server(*[httpx.ConnectError("refused")] * 8, answer(200))
    reply = await server.ask()

    assert (reply.status, reply.attempts) == (200, 9)
    assert len(set(server.pauses)) == 8
    assert all(pause <= 10 for pause in server.pauses)


async def test_a_wish_beyond_its_patience_ends_it_at_once() -> None:
    server = Server(answer(503, "300"))
    reply = await server.ask(give_up_s=20)

    assert (reply.status, reply.attempts) == (503, 1)
    assert server.pauses == []


@pytest.mark.parametrize("status", [200, 400, 401, 404, 413, 500])
async def test_a_final_answer_is_not_asked_for_twice(status: int) -> None:
    server = Server(answer(status))
    assert (await server.ask()).attempts == 1


async def test_a_server_that_never_answers_is_told_as_such() -> None:
    reply = await Server(httpx.ReadTimeout("")).ask(give_up_s=0.0)
    assert (reply.status, reply.error) == (0, "ReadTimeout")
