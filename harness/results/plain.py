"""Text that came from a record, made safe to print: whoever wrote it may mean no good."""

import re
import unicodedata

LONGEST = 200
"""Characters of a name or a message that are shown."""

LINE = 4_000
"""Characters of a whole line that are shown; each of its parts is cut on its own before."""

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of what is not seen or steers what is: controls, escapes, directions."""

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks by their category that are not seen either."""


def plain(text: str, longest: int = LONGEST) -> str:
    """One line without control characters, cut where it is too long.

    What is hidden, such as an escape sequence of a terminal or a change of direction, is shown as
    its code.
    """
    text = text if len(text) <= longest else f"{text[: longest - 3]}..."
    if text.isascii() and text.isprintable():
        return text  # as most are; signs are not looked at one by one
    return "".join(_shown(sign) for sign in text)


def markdown(text: str, longest: int = LONGEST) -> str:
    """Text in a cell or a line of Markdown, with all that has a meaning there escaped.

    A backslash does not keep every reader from making a link of an address; a word joiner, which
    is not seen, does.
    """
    escaped = _MARKS.sub(r"\\\g<0>", plain(text, longest))
    return re.sub(r"(?i)(https?|ftp|mailto|xmpp):|www\.|@", r"\g<0>&#8288;", escaped)


def latex(text: str, longest: int = LONGEST) -> str:
    """Text in LaTeX, with all that has a meaning there escaped."""
    escaped = "".join(_LATEX.get(sign, sign) for sign in plain(text, longest))
    return re.sub("-(?=-)", "-{}", escaped)  # two would be one long dash


def spreadsheet(text: str) -> str:
    """Text in a CSV file that no spreadsheet takes for a formula."""
    shown = plain(text, LINE)
    first = unicodedata.normalize("NFKC", shown.lstrip()[:1])
    return f"'{shown}" if first in ("=", "+", "-", "@") else shown


_MARKS = re.compile(r"[\\`*{}\[\]!|<>~$&]|(?<![^\W_])_|_(?![^\W_])|^\s*[#+-]|(?<=^\d)[.)](?=\s|$)")
"""What has a meaning in Markdown: some signs anywhere, some at the beginning of a line or word."""

_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\symbol{34}",
    "`": r"\textasciigrave{}", "'": r"\textquotesingle{}", "±": r"$\pm$",
    "[": "{[}", "]": "{]}", "*": "{*}",  # else a row could begin with options of the last `\\`
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip


def _shown(sign: str) -> str:
    if unicodedata.category(sign) not in _HIDDEN and sign not in _BLANK:
        return sign
    if sign in "\n\t\r":
        return " "
    return ascii(sign)[1:-1]
