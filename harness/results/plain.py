"""Text that came from a record, made safe to print: whoever wrote it may mean no good."""

import re
import unicodedata

LONGEST = 200
"""Characters of a name or a message that are shown."""

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of what is not seen or steers what is: controls, escapes, directions."""


def plain(text: str) -> str:
    """One line without control characters.

    What is hidden, such as an escape sequence of a terminal or a change of direction, is shown as
    its code.
    """
    return "".join(_shown(sign) for sign in text)


def short(text: str) -> str:
    """A name or a message, cut where it is too long."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def markdown(text: str) -> str:
    """Text in a cell or a line of Markdown, with all that has a meaning there escaped."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+!|<>~$&-])", r"\\\1", plain(text))
    return re.sub(r"(?i)\b(https?|ftp|www)(:|\.)", r"\1\\\2", escaped)


def latex(text: str) -> str:
    """Text in LaTeX, with all that has a meaning there escaped."""
    return "".join(_LATEX.get(sign, sign) for sign in plain(text))


def spreadsheet(text: str) -> str:
    """Text in a CSV file that no spreadsheet takes for a formula."""
    shown = plain(text)
    return f"'{shown}" if shown[:1] in tuple("=+-@") else shown


_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip


def _shown(sign: str) -> str:
    if unicodedata.category(sign) not in _HIDDEN:
        return sign
    if sign in "\n\t\r":
        return " "
    code = ord(sign)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
