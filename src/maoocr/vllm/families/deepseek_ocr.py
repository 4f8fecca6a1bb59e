r"""DeepSeek-OCR and DeepSeek-OCR-2, and Unlimited-OCR, which answers alike.

Checked against deepseek-ai/DeepSeek-OCR e4ac34e (`DeepSeek-OCR-vllm/config.py`: prompts;
`run_dpsk_ocr_pdf.py`: marks, coordinates 0 to 999, labels) and published answers (labels `title`,
`sub_title`, `text`, `equation`, `image`, `table`, captions; formulas in `\[ \]`; tables in HTML).
The fields of the request are those of the vLLM recipe (8959cf6, 2026-08-21); `vllm_xargs` needs the
server's n-gram logits processor and is ignored without it. Unlimited-OCR's answers could not be
checked beyond the recipe.
"""

from .answer import answer_of
from .base import Family, Parsed, Prompt, Scaling, Sent, Task
from .element import read_formula_element, table_block
from .grounding import read_marked, ref_marks
from .markdown import read_markdown
from .reading import Reading

__all__ = ["DEEPSEEK_OCR", "UNLIMITED_OCR"]

_SCALE = 999
_TASKS: dict[Task, Prompt] = {
    "page": Prompt("<|grounding|>Convert the document to markdown."),
    "text": Prompt("Free OCR."),
    "table": Prompt("Free OCR."),
    "formula": Prompt("Free OCR."),
}
_UNLIMITED: dict[Task, Prompt] = {"page": Prompt("<image>document parsing.")}


def parse(answer: str, task: Task, sent: Sent) -> Parsed:
    """Read Markdown with marks, or without them."""
    del sent
    found = answer_of(answer, _TASKS.get(task, _TASKS["page"]).text)
    before, marked, is_whole = ref_marks(found.text)
    if marked:
        reading = read_marked(before, marked, _SCALE)
    elif task == "table" and "<t" in before:
        reading = Reading()
        block, flags = table_block(before)
        reading.add(block)
        reading.flag(*flags)
    elif task == "formula":
        reading = read_formula_element(before)
    else:
        reading = read_markdown(before)
    if not is_whole:
        reading.flag("truncated")
    elif task == "page" and found.text.strip() and not marked:
        reading.flag("malformed")
    reading.flag(*found.flags)
    return reading.done()


DEEPSEEK_OCR = Family(
    name="deepseek-ocr",
    title="DeepSeek-OCR",
    models=(r"deepseek[-_ ]?ocr",),
    tasks=_TASKS,
    parse=parse,
    # the model pads to 1024 and cuts tiles of 640 by itself; more pixels only travel
    scaling=Scaling(longest_side=2560, max_pixels=4_000_000),
    temperatures=(0.0, 0.2, 0.5),
    max_tokens=6144,
    extra={
        "skip_special_tokens": False,
        "vllm_xargs": {
            "ngram_size": 30,
            "window_size": 90,
            "whitelist_token_ids": [128821, 128822],
        },
    },
)
UNLIMITED_OCR = Family(
    name="unlimited-ocr",
    title="Unlimited-OCR",
    models=(r"unlimited[-_ ]?ocr",),
    tasks=_UNLIMITED,
    parse=parse,
    image_first=False,
    scaling=Scaling(longest_side=2560, max_pixels=4_000_000),
    max_tokens=8192,
    extra={
        "skip_special_tokens": False,
        "vllm_xargs": {"ngram_size": 35, "window_size": 128},
    },
)
