"""The corpus of documents, good and bad, each with what is to be said about it.

A file of tests/corpus holds documents divided by `---`. The comments above a document are its title and one line per
finding: severity, rule, path, message. `python -m tests.kinds.corpus` writes those lines anew from what is said now;
read the difference before you commit it. tests/corpus/differences.yaml names the documents whose verdicts differ by
design.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from callkeeper.kinds.reading import read_object
from callkeeper.manifests.documents import read_text

CORPUS = Path(__file__).parent.parent / "corpus"
DIFFERENCES = CORPUS / "differences.yaml"

_DIVIDER = "---\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusDocument:
    """One document.

    Attributes:
        id: file and title, `bad/blacklist.yaml: a lone plus`.
        text: its YAML, without the comments.
        said: the lines that stand above it.
    """

    id: str
    text: str
    said: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether it stands among the good ones."""
        return self.id.startswith("good/")

    @property
    def value(self) -> dict[str, Any]:
        """The document as kubectl would send it."""
        content = read_text(self.text, self.id)
        assert not content.findings, content.findings
        (document,) = content.documents
        return document.value

    @property
    def said_now(self) -> tuple[str, ...]:
        """What reading it says."""
        findings = read_object(self.value).findings
        return tuple(
            f"# {finding.severity} {finding.rule} {finding.json_path}: {finding.message}" for finding in findings
        )


def corpus_files() -> list[Path]:
    return sorted(path for path in CORPUS.glob("*/*.yaml"))


def read_file(path: Path) -> list[CorpusDocument]:
    name = path.relative_to(CORPUS).as_posix()
    _, *parts = path.read_text(encoding="utf-8").split(_DIVIDER)
    documents = []
    for part in parts:
        lines = part.splitlines()
        comments = [line for line in lines if line.startswith("#")]
        title, *said = comments
        text = "\n".join(line for line in lines if not line.startswith("#")) + "\n"
        documents.append(CorpusDocument(id=f"{name}: {title.removeprefix('# ')}", text=text, said=tuple(said)))
    return documents


def corpus() -> list[CorpusDocument]:
    """Every document of every file."""
    return [document for path in corpus_files() for document in read_file(path)]


@cache
def differences() -> list[dict[str, Any]]:
    """The entries of the table, each with its reason, what each verdict is, and the documents it is about."""
    (document,) = read_text(DIFFERENCES.read_text(encoding="utf-8"), DIFFERENCES.name).documents
    return list(document.value["differences"])


def differing(verdict: str) -> dict[str, str]:
    """What that verdict (`publishedSchema`, `apiServer`, `webhook`) is, by document, where it is not read_object's."""
    good = {document.id: document.good for document in corpus()}
    return {
        name: entry[verdict]
        for entry in differences()
        for name in entry["documents"]
        if (entry[verdict] == "accepts") is not good[name]
    }


def write(path: Path) -> None:
    """Write what is said now above each document."""
    header, *_ = path.read_text(encoding="utf-8").split(_DIVIDER)
    parts = [header]
    for document in read_file(path):
        title = f"# {document.id.partition(': ')[2]}"
        parts.append("\n".join([title, *document.said_now]) + "\n" + document.text)
    path.write_text(_DIVIDER.join(parts), encoding="utf-8")


if __name__ == "__main__":
    for file in corpus_files():
        write(file)
