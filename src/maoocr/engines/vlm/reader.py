"""One page with one family of models: asked, and asked again where the answer is no good."""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...domain import Focus, PageFlag, Polygon, Spent
from ...errors import DeadlineExceeded, EndpointError, MaoOCRError
from ...vllm.chat import Chat, ChatReply, ChatRequest, ImagePart, Part, TextPart
from ...vllm.families.base import Family, Parsed, Task
from ..base import EngineInfo, PageImage, PageText
from .answers import crops_of, layout_of, page_of, region_block, spent_of, together
from .pictures import Picture, corners, pictures_of, smaller, upright_size

__all__ = ["Again", "Shown", "VlmReader"]

READER_VERSION = "1"
"""Goes up when the same model gives another answer for what is done here."""
CALLS_AT_ONCE = 8
"""For the parts of one page; the endpoint has a limit for all."""
SMALLER = 0.75
"""Side of the picture, as a share of the usual, from the third try on."""

_FINISH: dict[str, PageFlag] = {
    "length": "truncated",
    "repetition": "repetition",
    "loop": "repetition",
    "filtered": "malformed",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A page as it is shown to the model.

    Attributes:
        size: width and height of the upright image, in pixels.
        scale: pixels of the image per pixel of the page.
        focus: that it was cut by; None for the whole page as it lies.
        before: what was learned when it was shown for the first time.
    """

    pictures: tuple[Picture, ...]
    size: tuple[int, int]
    scale: float
    focus: Focus | None = None
    before: "Again | None" = None

    @property
    def rotation_deg(self) -> int:
        """Clockwise turn that made the image upright."""
        return self.focus.rotation_deg if self.focus else 0


@dataclass(frozen=True, slots=True)
class Again:
    """The page is to be shown once more, so.

    Attributes:
        layout: what is where, as the model told; the regions of `focus` are the parts of it.
        spent: so far.
    """

    focus: Focus
    layout: Parsed | None = None
    spent: tuple[Spent, ...] = ()


@dataclass(frozen=True, slots=True)
class _Answer:
    parsed: Parsed
    flags: tuple[PageFlag, ...]
    spent: tuple[Spent, ...]

    @property
    def rank(self) -> tuple[int, int]:
        """Of two answers that are no good, the better has fewer faults, or more to say."""
        return -len(self.flags), sum(len(block.text) for block in self.parsed.blocks)


class VlmReader:
    """Reads pages by asking a model about pictures of them. Any number of pages at once."""

    def __init__(self, engine: str, model: str, family: Family, chat: Chat) -> None:
        """Make it.

        Args:
            engine: its name.
            model: that the endpoints serve.
            family: of the model.
            chat: takes the calls.
        """
        self._name = engine
        self._family = family
        self._spots = family.spots(model)
        self._chat = chat
        said = f"{READER_VERSION}\0{family.name}\0{model}\0{family.tasks!r}\0{family.sampling!r}"
        digest = hashlib.sha256(said.encode()).hexdigest()[:16]
        details = {"model": model, "family": family.name}
        self.info = EngineInfo(engine, digest, family.languages, details)

    def show(
        self,
        image: PageImage,
        scale: float,
        asked: Focus | Again | None,
        *,
        structure: bool = False,
    ) -> Shown:
        """The pictures of a page. Takes some 50 ms; not for the event loop.

        Args:
            image: of the page as decoded, RGB, shape (H, W, 3).
            scale: pixels of it per pixel of the page.
            asked: what to show; None for the whole page as it lies, of which nobody has said yet
                where its lines are.
            structure: more is wanted of it than lines.
        """
        whole = self._whole(asked, structure=structure)
        if isinstance(asked, Focus):
            asked = self._by_parts(asked, image, scale)
        before = asked if isinstance(asked, Again) else None
        focus = before.focus if before else asked if isinstance(asked, Focus) else None
        pictures = pictures_of(image, focus, scale, self._family, whole)
        size = upright_size(image, focus.rotation_deg if focus else 0)
        return Shown(pictures, size, scale, focus, before)

    def _whole(self, asked: Focus | Again | None, *, structure: bool) -> Task:
        """What to ask of a whole page: with places, where nobody else tells them."""
        reads_pages = self._family.reads_pages
        if asked is None and self._spots and not (structure and reads_pages):
            return "spotting"
        return "page" if reads_pages else "text"

    def _by_parts(self, asked: Focus, image: PageImage, scale: float) -> Focus | Again:
        """A model that reads no pages gets the parts that somebody else found."""
        if asked.regions or not asked.layout or self._family.reads_pages:
            return asked
        width, height = upright_size(image, asked.rotation_deg)
        layout = layout_of(asked.layout, width / scale, height / scale)
        return Again(Focus(asked.rotation_deg, asked.layout), layout)

    async def read(self, shown: Shown, *, deadline: float) -> PageText | Again:
        """Ask about a page.

        Cancelling the call ends the work at the endpoint.

        Args:
            shown: the page.
            deadline: moment of `time.monotonic()` by which the answer must be whole.

        Returns:
            The page, in pixels of the upright image; of regions, one block for each. Or how it is
            to be shown again: on its other side, or in parts.

        Raises:
            EndpointError: nobody answers, or not in a way that makes sense.
            DeadlineExceeded: the time is up.
        """
        before = shown.before.spent if shown.before else ()
        if shown.focus is not None and shown.focus.regions:
            return await self._parts(shown, before, deadline)
        picture = shown.pictures[0]
        answer = await self._ask(picture, deadline)
        spent = before + answer.spent
        parsed = replace(answer.parsed, flags=answer.flags)
        if parsed.turn_deg and shown.focus is None:
            return Again(Focus(parsed.turn_deg), None, spent)
        if parsed.has_layout_only:
            focus = crops_of(parsed, picture, shown.scale, shown.rotation_deg)
            if focus.regions:
                return Again(focus, parsed, spent)
        return self._page(parsed, picture.place, shown, spent)

    def _page(
        self, parsed: Parsed, place: Polygon, shown: Shown, spent: Sequence[Spent]
    ) -> PageText:
        page = page_of(parsed, place, shown.size, shown.rotation_deg, self._name)
        return replace(page, spent=spent_of(spent))

    async def _parts(self, shown: Shown, before: tuple[Spent, ...], deadline: float) -> PageText:
        room = asyncio.Semaphore(CALLS_AT_ONCE)

        async def one(picture: Picture) -> _Answer | MaoOCRError:
            async with room:
                try:
                    return await self._ask(picture, deadline)
                except (EndpointError, DeadlineExceeded) as error:
                    return error

        async with asyncio.TaskGroup() as calls:
            tasks = [calls.create_task(one(picture)) for picture in shown.pictures]
        answers = [task.result() for task in tasks]
        errors = [answer for answer in answers if isinstance(answer, MaoOCRError)]
        if len(errors) == len(answers):
            raise errors[0]
        blocks = tuple(map(region_block, (_said(answer) for answer in answers), shown.pictures))
        spent = before + tuple(
            one for answer in answers if isinstance(answer, _Answer) for one in answer.spent
        )
        layout = shown.before.layout if shown.before else None
        if layout is not None:
            return self._page(together(layout, blocks), corners(shown.size), shown, spent)
        return PageText(*shown.size, shown.rotation_deg, (), blocks, (), spent_of(spent))

    async def _ask(self, picture: Picture, deadline: float) -> _Answer:
        """The ladder: warmer, then smaller, until an answer is whole; else the best of them."""
        best: _Answer | None = None
        spent: tuple[Spent, ...] = ()
        for rung, temperature in enumerate(self._family.temperatures):
            if rung >= 2:
                picture = await asyncio.to_thread(smaller, picture, self._family, SMALLER)
            try:
                reply = await self._chat.complete(
                    self._request(picture, temperature, rung), deadline=deadline
                )
            except (EndpointError, DeadlineExceeded):
                if best is None:
                    raise
                break
            spent += (_spent(reply),)
            answer = self._understood(reply, picture, spent)
            if not answer.flags:
                return answer
            if best is None or answer.rank > best.rank:
                best = answer
            if time.monotonic() + reply.seconds > deadline:
                break
        assert best is not None
        return replace(best, spent=spent)

    def _understood(self, reply: ChatReply, picture: Picture, spent: tuple[Spent, ...]) -> _Answer:
        parsed = self._family.parse(reply.text, picture.task, picture.sent)
        flags = dict.fromkeys(parsed.flags)
        if reply.finish_reason in _FINISH:
            flags[_FINISH[reply.finish_reason]] = None
        return _Answer(parsed, tuple(flags), spent)

    def _request(self, picture: Picture, temperature: float, rung: int) -> ChatRequest:
        family, prompt = self._family, self._family.tasks[picture.task]
        sampling = prompt.sampling or family.sampling
        words: tuple[Part, ...] = (TextPart(prompt.text),) if prompt.text else ()
        image: tuple[ImagePart, ...] = (picture.part,)
        return ChatRequest(
            parts=(*image, *words) if family.image_first else (*words, *image),
            system=family.system,
            max_tokens=prompt.max_tokens or family.max_tokens,
            temperature=sampling.temperature if rung == 0 else temperature,
            top_p=sampling.top_p,
            extra={**sampling.extra, **family.extra, **prompt.extra},
        )


def _said(answer: _Answer | MaoOCRError) -> Parsed:
    """What was read of a region; a call that failed is a region that could not be read."""
    if isinstance(answer, _Answer):
        return replace(answer.parsed, flags=answer.flags)
    return Parsed(flags=("malformed",))


def _spent(reply: ChatReply) -> Spent:
    return Spent(
        reply.endpoint, reply.calls, reply.prompt_tokens, reply.completion_tokens, reply.cost
    )
