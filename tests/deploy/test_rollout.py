"""New gateways in the place of old ones, under load."""

from collections.abc import Iterator

import pytest

from tests.deploy.engine import Engine
from tests.deploy.load import Load, assert_all_kept
from tests.deploy.stack import Stack

CALLERS = 4
ANSWERS = 6
OTHERS = ("redis", "postgres", "nginx", "prometheus")
REVISION = "org.opencontainers.image.revision"


def ids(stack: Stack, *services: str) -> set[str]:
    return {container.id for container in stack.containers(*services)}


def test_gateways_are_renewed_one_by_one_without_a_failed_request(stack: Stack) -> None:
    stack.scale(3)
    before = ids(stack, "gateway")
    # Nginx before 1.27.4 ends kept connections when it takes up new gateways, and a request that is
    # on its way over one of them breaks: there is no way to keep them (`keepalive_min_timeout`).
    with Load(stack, CALLERS, keeps=False) as load:
        load.wait_for_answers(ANSWERS)
        stack.roll()
        load.wait_for_answers(ANSWERS)

    after = ids(stack, "gateway")
    assert len(after) == 3
    assert not before & after
    assert load.outcomes == f"{len(load.read)} x 200"
    load.assert_nobody_got_anothers_text()
    assert_all_kept(stack, load.read)


def test_a_gateway_that_nginx_cannot_reach_is_replaced_too(stack: Stack) -> None:
    stack.scale(2)
    lost = stack.containers("gateway")[0]
    stack.engine("network", "disconnect", f"{stack.project}_web", lost.id)
    stack.roll()
    assert len(ids(stack, "gateway")) == 2
    assert lost.id not in ids(stack, "gateway")


@pytest.fixture
def image(engine: Engine, stack: Stack) -> Iterator[str]:
    """A name for images that only the test makes; at its end all is as it was."""
    name = f"{stack.project}/gateway"
    yield name
    # What has run and ended was made of them too.
    stack.environment.pop("GATEWAY_IMAGE", None)
    stack.start()
    for tag in ("latest", "next", "broken"):
        engine.tried("image", "rm", "--force", f"{name}:{tag}")


def images(stack: Stack) -> list[str]:
    """What each gateway runs."""
    gateways = stack.containers("gateway")
    return [stack.engine("inspect", "-f", "{{.Image}}", it.id).strip() for it in gateways]


def test_an_upgrade_and_the_way_back_cost_no_request(
    stack: Stack, gateway_image: str, image: str
) -> None:
    stack.scale(3)
    others = ids(stack, *OTHERS)
    with Load(stack, CALLERS, keeps=False) as load:
        load.wait_for_answers(ANSWERS)
        # As `git pull` would bring it.
        with (stack.folder / "src/maoocr/__init__.py").open("a") as source:
            source.write("\n# Of the next version.\n")
        stack.environment |= {"GATEWAY_IMAGE": f"{image}:latest", "MAOOCR_REVISION": "next"}
        stack.start()
        upgraded = images(stack)
        load.wait_for_answers(ANSWERS)
        # A version that is named is taken as it is, whatever stands in the checkout.
        del stack.environment["GATEWAY_IMAGE"]
        old = stack.engine("image", "inspect", "-f", "{{.Id}}", gateway_image).strip()
        stack.start()
        load.wait_for_answers(ANSWERS)

    told = stack.engine("inspect", "-f", f'{{{{index .Config.Labels "{REVISION}"}}}}', upgraded[0])
    assert told.strip() == "next"
    assert stack.engine("inspect", "-f", "{{.Id}}", f"{image}:next").strip() == upgraded[0]
    assert (len(upgraded), len(set(upgraded))) == (3, 1)
    assert upgraded[0] != old
    assert images(stack) == [old] * 3
    assert ids(stack, *OTHERS) == others
    assert load.outcomes == f"{len(load.read)} x 200"
    load.assert_nobody_got_anothers_text()
    assert_all_kept(stack, load.read)


def test_a_version_that_does_not_start_is_taken_away_again(
    engine: Engine, stack: Stack, gateway_image: str, image: str
) -> None:
    before = ids(stack, "gateway")
    engine("build", "-t", f"{image}:broken", "-", given=f'FROM {gateway_image}\nCMD ["false"]\n')
    stack.environment["GATEWAY_IMAGE"] = f"{image}:broken"
    with Load(stack, callers=1, keeps=False) as load:
        load.wait_for_answers(ANSWERS)
        done = stack.run("./docker-start.sh")
        load.wait_for_answers(ANSWERS)
    assert done.returncode != 0
    assert "does not become ready; it was taken away, and the others run as before." in done.stderr
    assert ids(stack, "gateway") == before
    assert load.failed == []
