"""Who may use the service, and how much: all of it that the gateway needs."""

from dataclasses import dataclass

from .keyring import Keyring
from .keys import Keys
from .ports import ApiKeyRows, Rates, UsageRows
from .quota import Quota

__all__ = ["Access", "access_of"]


@dataclass(frozen=True, slots=True)
class Access:
    """Keys, their limits and their use."""

    keyring: Keyring
    keys: Keys
    usage: UsageRows
    quota: Quota
    rates: Rates


def access_of(rows: ApiKeyRows, usage: UsageRows, rates: Rates, grace_s: float) -> Access:
    """Put it together; a change of the keys is seen by the keyring of this process at once."""
    keyring = Keyring(rows, grace_s)
    return Access(keyring, Keys(rows, keyring.forget), usage, Quota(usage), rates)
