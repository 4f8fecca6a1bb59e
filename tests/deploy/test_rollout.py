"""New gateways in the place of old ones, under load."""

from tests.deploy.load import Load, assert_all_kept
from tests.deploy.stack import Stack

CALLERS = 4
ANSWERS = 6


def test_gateways_are_renewed_one_by_one_without_a_failed_request(stack: Stack) -> None:
    stack.scale(3)
    before = {container.id for container in stack.containers("gateway")}
    # Nginx before 1.27.4 ends kept connections when it takes up new gateways, and a request that is
    # on its way over one of them breaks: there is no way to keep them (`keepalive_min_timeout`).
    with Load(stack, CALLERS, keeps=False) as load:
        load.wait_for_answers(ANSWERS)
        stack.roll()
        load.wait_for_answers(ANSWERS)

    after = {container.id for container in stack.containers("gateway")}
    assert len(after) == 3
    assert not before & after
    assert load.outcomes == f"{len(load.read)} x 200"
    load.assert_nobody_got_anothers_text()
    assert_all_kept(stack, load.read)
