"""HTML: one page that stands alone, with the roles of what was read and nothing that runs."""

from collections.abc import Iterator, Sequence
from html import escape

from ..domain import Block, OcrResult, PageResult
from .characters import one_line
from .geometry import paragraphs
from .html_table import table_rows
from .markdown import markup_of

__all__ = ["write_html"]

_STYLE = (
    "body{max-width:50em;margin:2em auto;padding:0 1em;font:16px/1.5 sans-serif}"
    "section+section{border-top:1px solid #ccc;margin-top:2em;padding-top:2em}"
    "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2em .6em;text-align:left}"
    "pre{overflow-x:auto}header,footer,.number{color:#666}"
)
_AROUND: dict[str, tuple[str, str]] = {
    "figure": ("<figure>", "</figure>"),
    "chart": ("<figure>", "</figure>"),
    "seal": ("<figure>", "</figure>"),
    "caption": ("<p><em>", "</em></p>"),
    "header": ("<header>", "</header>"),
    "footer": ("<footer>", "</footer>"),
    "page_number": ('<p class="number">', "</p>"),
    "footnote": ("<p><small>", "</small></p>"),
}
MOST_LEVELS = 6


def write_html(result: OcrResult) -> bytes:
    """A section for each page, in elements that say what each part is; a failed page says why.

    All text is escaped. There is no script, no link and no image, and a policy in the head that
    would forbid them.
    """
    language = (
        f' lang="{escape(one_line(result.language))}"'
        if result.language not in {"und", "mixed"}
        else ""
    )
    sections = "\n".join(_section(page) for page in result.pages)
    return (
        f'<!DOCTYPE html>\n<html{language}>\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        " style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>OCR result</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{sections}\n"
        "</body>\n</html>\n"
    ).encode()


def _section(page: PageResult) -> str:
    if page.error:
        body = f"<p>Page {page.number} was not read: {_text(page.error.message)}</p>"
    elif page.blocks:
        body = "\n".join(_written(page.blocks))
    else:
        groups = paragraphs(page.lines)
        body = "\n".join(f"<p>{'<br>'.join(_text(x.text) for x in g)}</p>" for g in groups)
    return f'<section id="page-{page.number}">\n{body}\n</section>'


def _written(blocks: Sequence[Block]) -> Iterator[str]:
    """Each block; items of a list that follow each other in one element."""
    items: list[Block] = []
    for block in blocks:
        if block.kind == "list":
            items.append(block)
            continue
        if items:
            yield _list(items)
            items = []
        yield _block(block)
    if items:
        yield _list(items)


def _list(items: Sequence[Block]) -> str:
    # Flat elements with a margin: depths that a page skips would make lists within nothing.
    rows = (
        f'<li style="margin-left:{2 * (max(1, min(MOST_LEVELS, item.level)) - 1)}em">'
        f"{_lines(item.text)}</li>"
        for item in items
    )
    return f"<ul>{''.join(rows)}</ul>"


def _block(block: Block) -> str:
    match block.kind:
        case "title" | "heading":
            level = max(1, min(MOST_LEVELS, block.level))
            return f"<h{level}>{_text(block.text)}</h{level}>"
        case "table":
            rows = table_rows(block.html)
            return markup_of(rows) if rows else f"<pre>{_kept(block.text)}</pre>"
        case "formula":
            return f"<p><code>{_kept(block.latex or block.text)}</code></p>"
        case "code":
            return f"<pre><code>{_kept(block.text)}</code></pre>"
        case _:
            before, after = _AROUND.get(block.kind, ("<p>", "</p>"))
            return f"{before}{_lines(block.text)}{after}"


def _text(text: str) -> str:
    return escape(one_line(text).strip())


def _lines(text: str) -> str:
    return "<br>".join(_text(line) for line in text.splitlines())


def _kept(text: str) -> str:
    return "\n".join(escape(one_line(line)) for line in text.splitlines())
