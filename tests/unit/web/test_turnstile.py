import asyncio

from maoocr.web.turnstile import CROWD, PER_TURN, QUEUE, Turnstile


class Door:
    """Notes who began in which turn of the loop."""

    def __init__(self) -> None:
        self.turnstile = Turnstile(asyncio.get_running_loop())
        self.turn = 0
        self.begun: list[tuple[int, int]] = []

    def come(self, number: int) -> None:
        if self.turnstile.enter():
            self.begin(number)
        else:
            self.turnstile.wait(lambda: self.begin(number))

    def begin(self, number: int) -> None:
        self.begun.append((number, self.turn))

    async def count_turns(self, turns: int) -> None:
        for _ in range(turns):
            self.turn += 1
            await asyncio.sleep(0)

    async def all_in(self, count: int) -> None:
        while len(self.begun) < count:
            await self.count_turns(1)


async def test_a_few_begin_in_each_turn_in_order_of_arrival() -> None:
    door = Door()
    for number in range(40):
        door.come(number)
    await door.count_turns(30)
    assert [number for number, _ in door.begun] == list(range(40))
    by_turn = [sum(at == turn for _, at in door.begun) for turn in range(31)]
    assert max(by_turn) <= 2 * PER_TURN


async def test_who_comes_later_does_not_pass_those_who_wait() -> None:
    door = Door()
    for number in range(20):
        door.come(number)
    await door.count_turns(3)
    door.come(20)
    await door.count_turns(20)
    assert [number for number, _ in door.begun] == list(range(21))


async def test_a_lone_request_does_not_wait() -> None:
    door = Door()
    door.come(0)
    assert door.begun == [(0, 0)]


async def test_a_crowd_is_one_only_while_it_waits() -> None:
    door = Door()
    for number in range(CROWD + 2 * PER_TURN):
        door.come(number)
    assert door.turnstile.is_crowded
    await door.all_in(CROWD + 2 * PER_TURN)
    assert not door.turnstile.is_crowded


async def test_connections_that_come_go_before_a_queue_but_not_for_ever() -> None:
    door = Door()
    for number in range(2 * QUEUE):
        door.turnstile.arrive()
        door.come(number)
    await door.count_turns(3)
    assert len(door.begun) == PER_TURN
    while len(door.begun) < 2 * QUEUE:
        door.turnstile.arrive()
        await door.count_turns(1)
    assert [number for number, _ in door.begun] == list(range(2 * QUEUE))


async def test_a_short_queue_does_not_wait_for_arrivals() -> None:
    door = Door()
    for number in range(QUEUE):
        door.turnstile.arrive()
        door.come(number)
    await door.count_turns(QUEUE)
    assert len(door.begun) == QUEUE
