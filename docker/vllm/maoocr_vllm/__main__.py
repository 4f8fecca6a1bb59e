"""Waits until the weights are there, and becomes the server."""

import os
import signal
import sys
from collections.abc import Callable

from .command import environment_of, flags_of
from .weights import lack_of, mark_as_used
from .wishes import Wishes, WrongSetting, wishes_of

__all__ = ["WRONG_SETTING", "advice", "main", "until_there"]

WRONG_SETTING = 78
"""`EX_CONFIG` of sysexits.h."""

POLL_S = 5.0
_ENDS = (signal.SIGTERM, signal.SIGINT)


def main() -> int:
    """Become `vllm serve`; the exit status where it does not come to that."""
    try:
        wishes = wishes_of(os.environ)
    except WrongSetting as wrong:
        tell(str(wrong))
        return WRONG_SETTING
    if not wishes.key:
        tell("No key is set (VLLM_API_KEY_FILE): whoever reaches this server may use it.")
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    ended_by = until_there(wishes, pause)
    if ended_by:
        return 128 + ended_by
    # The mask passes to the server, which is to hear the end.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDS)
    mark_as_used(wishes.folder)
    tell(f"vLLM serves {wishes.folder} as {wishes.served_name} ({wishes.family.name}).")
    command = ["vllm", "serve", *flags_of(wishes)]
    try:
        os.execvpe(command[0], command, environment_of(wishes, os.environ))
    except OSError as error:
        tell(f"vLLM cannot be started: {error.strerror or error}.")
    return WRONG_SETTING


def until_there(wishes: Wishes, pause: Callable[[], int]) -> int:
    """Wait until the weights are whole, and say what they lack whenever that changes.

    Args:
        wishes: what is to be served.
        pause: waits a little; the number of the signal that asks for the end, else 0.

    Returns:
        The number of the signal that ended the waiting; 0 where the weights are there.
    """
    said = ""
    while lack := lack_of(wishes.folder):
        if lack != said:
            tell(f"{lack} {advice(wishes)}")
            said = lack
        if ended_by := pause():
            return ended_by
    return 0


def advice(wishes: Wishes) -> str:
    """What brings the weights, as a sentence."""
    if not wishes.pulled_name:
        return "Put them there; vLLM starts as soon as they are whole."
    return (
        f"`docker compose run --rm models maoocr models pull {wishes.pulled_name}` brings them;"
        " vLLM starts as soon as they are whole."
    )


def pause() -> int:
    """Wait for a while, or for the signal that ends the container."""
    heard = signal.sigtimedwait(_ENDS, POLL_S)
    return heard.si_signo if heard else 0


def tell(sentence: str) -> None:
    """To the log of the container."""
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
