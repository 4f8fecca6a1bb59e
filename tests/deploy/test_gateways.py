"""`gateways` in Nginx's container, with the programs of busybox and no others."""

import pytest

from tests.deploy.engine import ROOT, Engine, Images
from tests.deploy.front import NGINX

SMALL = "Server:    127.0.0.11\\nAddress 1: 127.0.0.11\\n\\nName:      gateway\\n"
LARGE = "Server:\\t\\t127.0.0.11\\nAddress:\\t127.0.0.11:53\\n\\nNon-authoritative answer:\\n"
PREPARE = r"""
for name in $(/usr/bin/busybox --list) busybox; do
  /usr/bin/busybox ln -sf /usr/bin/busybox "/bb/$name"
done
export PATH=/bb
cd /tmp
mkdir www
echo '{}' >www/readyz
httpd -p 127.0.0.1:8000 -h www
printf '#!/bb/sh\ncat /tmp/answer\n' >/bb/resolver
chmod +x /bb/resolver
# By its path: some shells take their own programs before those of the same name.
sed 's,busybox nslookup,/bb/resolver,' /gateways >script
gateways() { sh script "$@" 2>/dev/null; }
answers() { printf "$1" >answer; gateways look; }
list() { gateways list | paste -sd ' '; }
"""
"""A resolver that says what it is told to, and a gateway at 127.0.0.1."""


@pytest.fixture
def said(engine: Engine, images: Images, prefix: str, request: pytest.FixtureRequest) -> list[str]:
    """What some lines of shell print, run after those above."""
    return engine(
        *("run", "--rm", "--name", f"{prefix}-nginx", "--entrypoint", "/usr/bin/busybox"),
        *("-v", f"{ROOT}/nginx/gateways:/gateways:ro", "--tmpfs", "/bb:exec"),
        *("--tmpfs", "/etc/nginx/conf.d", images(NGINX), "sh", "-euc", PREPARE + request.param),
    ).splitlines()


@pytest.mark.parametrize(
    "said",
    [f'answers "{SMALL}Address 1: 127.0.0.1 a.b\\nAddress 2: 127.0.0.3 c\\n"; list'],
    indirect=True,
)
def test_only_those_that_are_ready_are_used(said: list[str]) -> None:
    assert said == ["127.0.0.1"]


@pytest.mark.parametrize(
    "said",
    [
        f'answers "{LARGE}Name:\\tgateway\\nAddress: 127.0.0.9\\nName:\\ta\\nAddress: ::2\\n";'
        "list; grep -o 'server .*8000' /etc/nginx/conf.d/gateways.conf"
    ],
    indirect=True,
)
def test_while_none_is_ready_all_are_used(said: list[str]) -> None:
    assert said == ["127.0.0.9 ::2", "server 127.0.0.9:8000", "server [::2]:8000"]


SILENT = """
httpd -f -p 127.0.0.2:8000 -h www & silent=$!
until wget -q -O /dev/null http://127.0.0.2:8000/readyz 2>/dev/null; do :; done
"""
"""A gateway that can be told to be silent."""


@pytest.mark.parametrize(
    "said",
    [
        f'{SILENT} two="{SMALL}Address 1: 127.0.0.2\\nAddress 2: 127.0.0.9\\n"\nkill -STOP $silent;'
        'answers "$two"; list; gateways look; list; kill -CONT $silent; gateways look; list'
    ],
    indirect=True,
)
def test_who_was_never_ready_is_not_waited_for(said: list[str]) -> None:
    assert said == ["127.0.0.2 127.0.0.9"] * 2 + ["127.0.0.2"]


@pytest.mark.parametrize(
    "said",
    [
        f'{SILENT} two="{SMALL}Address 1: 127.0.0.1\\nAddress 2: 127.0.0.2\\n"\n'
        "sed -i 's/^patience=.*/patience=1/' script\n"
        'answers "$two"; list; kill -STOP $silent; gateways look; list; gateways look; list'
    ],
    indirect=True,
)
def test_who_was_ready_may_be_late_for_a_while(said: list[str]) -> None:
    assert said == ["127.0.0.1 127.0.0.2"] * 2 + ["127.0.0.1"]


@pytest.mark.parametrize(
    "said",
    [f'answers "{SMALL}Address 1: 127.0.0.1\\n"; answers ""; list; answers "{SMALL}"; list'],
    indirect=True,
)
def test_without_an_answer_nothing_changes(said: list[str]) -> None:
    assert said == ["127.0.0.1", "127.0.0.1"]


BOTH = f"{SMALL}Address 1: 127.0.0.8\\nAddress 2: 127.0.0.9\\n"
ONE = f"{SMALL}Address 1: 127.0.0.8\\n"


@pytest.mark.parametrize(
    "said",
    [
        f'answers "{BOTH}"; touch gateways/drained/127.0.0.9; gateways look; list;'
        f'answers "{ONE}"; answers "{BOTH}"; list;'
        "touch gateways/drained/127.0.0.8; gateways look; list;"
        "gateways back 127.0.0.8; gateways look; list"
    ],
    indirect=True,
)
def test_who_was_drained_is_left_out_until_he_is_another_or_is_called_back(said: list[str]) -> None:
    assert said == ["127.0.0.8", "127.0.0.8 127.0.0.9", "127.0.0.9", "127.0.0.8 127.0.0.9"]


@pytest.mark.parametrize("said", ['gateways well || echo "not well"'], indirect=True)
def test_it_is_not_well_without_nginx(said: list[str]) -> None:
    assert said == ["not well"]
