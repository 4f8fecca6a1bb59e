from pathlib import Path

import pytest
import typer

from maoocr.cli.sources import Url, find_sources


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_a_folder_stands_for_the_documents_in_it_sorted(tmp_path: Path) -> None:
    put(tmp_path, "b.PDF", "a.jpg", "sub/c.tiff", "notes.txt", ".hidden.png", ".git/d.png", "e")
    found = find_sources([str(tmp_path)], Path("out"), ".txt")
    assert [source.name for source in found] == [
        str(tmp_path / name) for name in ("a.jpg", "b.PDF", "sub/c.tiff")
    ]
    assert [source.target for source in found] == [
        Path("out/a.jpg.txt"),
        Path("out/b.PDF.txt"),
        Path("out/sub/c.tiff.txt"),
    ]


def test_a_file_that_is_named_is_taken_whatever_its_name(tmp_path: Path) -> None:
    put(tmp_path, "scan")
    [source] = find_sources([str(tmp_path / "scan")], None, ".txt")
    assert source.document == tmp_path / "scan"
    assert source.target is None


def test_files_keep_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    names = ["z.png", "-", "a.png"]
    assert [source.name for source in find_sources(names, None, ".txt")] == names


def test_two_results_cannot_be_one_file(tmp_path: Path) -> None:
    put(tmp_path, "a/x.png", "b/x.png")
    files = [str(tmp_path / "a/x.png"), str(tmp_path / "b/x.png")]
    assert len(find_sources(files, None, ".txt")) == 2
    with pytest.raises(typer.BadParameter, match=r"Two results .*x\.png\.txt"):
        find_sources(files, Path("out"), ".txt")


def test_a_folder_without_documents_is_told(tmp_path: Path) -> None:
    put(tmp_path, "notes.txt")
    with pytest.raises(typer.BadParameter, match="There is no image or document in"):
        find_sources([str(tmp_path)], None, ".txt")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://host.test/scans/a.pdf?page=2", "a.pdf.txt"),
        ("HTTP://host.test:8080/", "host.test_8080.txt"),
        ("https://host.test/%2e%2e%2Fb", "_2e_2e_2Fb.txt"),
        ("https://host.test/..", "document.txt"),
    ],
)
def test_an_address_is_a_document_and_names_a_file_of_its_own(url: str, target: str) -> None:
    [source] = find_sources([url], Path("out"), ".txt")
    assert isinstance(source.document, Url)
    assert (source.name, source.document) == (url, url)
    assert source.target == Path("out") / target
