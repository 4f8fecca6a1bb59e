"""Which tests of the deployment `scripts/test` leaves to `scripts/test --deploy`, and why.

What runs on every change has to pass on a slow machine too, within some ten minutes. So it is what
shows most in that time: the images, the whole stack as it is started and used through Nginx, its
secrets and rights, a death of each kind, new gateways under load, a restored backup.
"""

import pytest

__all__ = ["THOROUGH", "entry_for"]

LARGE = "its image has 2.4 GB, and it takes minutes to start"
MANY_PACKAGES = "its image has twice as many packages, which take minutes to come"
LIKE_ANOTHER = "another one that runs on every change is like it"
IN_SECONDS = "it promises seconds, which a machine that is busy does not keep"
STARTS_ANEW = "it starts the gateways anew several times, or a deployment of its own"
WAITS = "it waits for minutes until enough was measured"

THOROUGH = {
    "test_dashboards.py": WAITS,
    "test_faults.py::[gateway-1]": LIKE_ANOTHER,
    "test_faults.py::[gateway-2]": LIKE_ANOTHER,
    "test_full_disk.py": STARTS_ANEW,
    "test_nginx_replicas.py": IN_SECONDS,
    "test_outbound.py": STARTS_ANEW,
    "test_own_certificate.py": STARTS_ANEW,
    "test_rebuilds.py::[gateway-paddle]": MANY_PACKAGES,
    "test_rollout.py::cannot_reach": LIKE_ANOTHER,
    "test_rollout.py::upgrade": STARTS_ANEW,
    "test_vllm": LARGE,
}
"""By how the name of the file begins, or by that and a part of the test's name."""


def entry_for(item: pytest.Item) -> str | None:
    """The name above that a test has; `None` where it runs on every change."""
    for entry in THOROUGH:
        file, _, part = entry.partition("::")
        if item.path.name.startswith(file) and part in item.name:
            return entry
    return None
