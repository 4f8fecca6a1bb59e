import asyncio

from starlette.types import Message, Receive, Scope, Send

from maoocr.web.turnstile import PER_TURN, Turnstile

WORK = {"type": "http", "path": "/api/ocr/recognize", "headers": []}
PROBE = {"type": "http", "path": "/livez", "headers": []}


class App:
    """Notes who began in which turn of the loop, and holds them until it is told."""

    def __init__(self) -> None:
        self.turn = 0
        self.begun: list[tuple[str, int]] = []
        self.gate = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun.append((scope["path"], self.turn))
        await self.gate.wait()

    async def count_turns(self, turns: int) -> None:
        for _ in range(turns):
            self.turn += 1
            await asyncio.sleep(0)


async def receive() -> Message:
    raise AssertionError


async def send(message: Message) -> None:
    raise AssertionError


async def test_a_few_begin_in_each_turn_in_order_of_arrival() -> None:
    app = App()
    turnstile = Turnstile(app)
    crowd = [asyncio.ensure_future(turnstile(dict(WORK), receive, send)) for _ in range(40)]
    await app.count_turns(20)
    by_turn = [sum(at == turn for _, at in app.begun) for turn in range(21)]
    assert len(app.begun) == 40
    assert max(by_turn) <= 2 * PER_TURN
    app.gate.set()
    await asyncio.gather(*crowd)


async def test_a_probe_passes_by_the_crowd() -> None:
    app = App()
    turnstile = Turnstile(app)
    crowd = [asyncio.ensure_future(turnstile(dict(WORK), receive, send)) for _ in range(60)]
    probe = asyncio.ensure_future(turnstile(dict(PROBE), receive, send))
    await app.count_turns(2)
    assert ("/livez", 1) in app.begun or ("/livez", 2) in app.begun
    assert len(app.begun) < 30
    await app.count_turns(20)
    app.gate.set()
    await asyncio.gather(*crowd, probe)


async def test_who_leaves_while_he_waits_takes_nobody_s_turn() -> None:
    app = App()
    turnstile = Turnstile(app)
    crowd = [asyncio.ensure_future(turnstile(dict(WORK), receive, send)) for _ in range(20)]
    await asyncio.sleep(0)
    for leaver in crowd[PER_TURN:12]:
        leaver.cancel()
    await app.count_turns(15)
    assert len(app.begun) == 12
    app.gate.set()
    await asyncio.gather(*crowd, return_exceptions=True)


async def test_a_lone_request_does_not_wait() -> None:
    app = App()
    app.gate.set()
    await Turnstile(app)(dict(WORK), receive, send)
    assert app.begun == [("/api/ocr/recognize", 0)]
