"""Decode the bytes of tune files, and the signs that stand for others in their text.

Source: the ABC standard 2.1, sections 8.1 (typesetting) and 8.2 (accents and entities).
"""

from __future__ import annotations

import codecs
import html
import re
import unicodedata

# Character sets that ``%%abc-charset`` may name, all of them ASCII with further characters.
_CHARSET = re.compile(rb"(?:%%|I:[ \t]*)abc-charset[ \t]+([A-Za-z0-9_.-]{2,20})")
_CHARSETS = re.compile(r"utf-?8|us-ascii|ascii|iso-?8859-\d{1,2}|windows-125\d|cp125\d|koi8-[ru]")
UTF_8 = "utf-8"
# What web pages leave at the ends of lines, and lines that are nothing else.
_CLOSING_TAG = re.compile(r"</[A-Za-z]\w*\s*>|<br\s*/?>", re.IGNORECASE)
_TAGS = re.compile(r"\s*(?:</?[A-Za-z!][^<>]*>\s*)+")
_FIELD = re.compile(r"\s*[A-Za-z+][ \t]*:")
# How deep an entity may stand for the sign of another.
MAX_NESTING = 16

# Accents of the standard's mnemonics (``\'e``, ``\cc``) as combining characters.
_ACCENTS = {
    "`": "\u0300",
    "'": "\u0301",
    "^": "\u0302",
    "~": "\u0303",
    "=": "\u0304",
    "u": "\u0306",
    ".": "\u0307",
    '"': "\u0308",
    "H": "\u030b",
    "v": "\u030c",
    "c": "\u0327",
    ",": "\u0327",
    ";": "\u0328",
}
_LETTERS = {
    "AA": "Å",
    "aa": "å",
    "AE": "Æ",
    "ae": "æ",
    "OE": "Œ",
    "oe": "œ",
    "/O": "Ø",
    "/o": "ø",
    "ss": "ß",
    "DH": "Ð",
    "dh": "ð",
    "TH": "Þ",
    "th": "þ",
    "-D": "Đ",
    "-d": "đ",
    "-L": "Ł",
    "-l": "ł",
}
# Œ and Æ end no word: a space after these is a habit from TeX.
_MNEMONIC = re.compile(
    r"\\(?:"
    r"u(?P<code>[0-9A-Fa-f]{4})"
    r"|(?P<ligature>AE|ae|OE|oe) ?(?=\w)"
    rf"|(?P<letter>{'|'.join(map(re.escape, _LETTERS))})"
    r"|(?:(?P<accent>[`'^~=.\",;])|(?P<word>[uHvc]) ?)(?P<accented>[A-Za-z])"
    r")|(?P<entity>&(?:[A-Za-z]\w{1,30}|\#\d{1,7}|\#x[0-9A-Fa-f]{1,6});)"
)

# What word processors and web pages make of the signs of music.
_TYPED = {
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‘’‚′", "'"),  # noqa: RUF001 - looked for because they are ambiguous
    **dict.fromkeys("–—−‐‑", "-"),  # noqa: RUF001 - likewise
    **dict.fromkeys("\xa0\u2002\u2003\u2007\u2009\u200a\u202f\u3000", " "),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\xad", ""),
    "¦": "|",
}
_TYPED_SIGN = re.compile(rf'"[^"]*"|[{"".join(_TYPED)}]')
_MUSIC_ENTITY = re.compile(r"&(?:gt|lt|amp|quot|nbsp|apos|\#\d{1,4});")


def decode_text(data: bytes, charset: str = "") -> str:
    """Decode a file in UTF-8, an older character set, or a mixture of both.

    Tunebooks are compiled from many sources, so only the bytes that are not UTF-8 are read as
    Windows-1252 (Latin-1 with typographic signs), unless the text names its character set.

    Args:
        data: The text, or a part of it.
        charset: The character set that the text's beginning names, if this part may lack it.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        charset = charset or charset_named(data)
    if charset != UTF_8:
        return data.decode(charset, "replace")
    return data.decode("utf-8-sig", "abcgen-windows-1252")


def charset_named(data: bytes) -> str:
    """Return the character set that a text names with ``%%abc-charset``, by default UTF-8."""
    match = _CHARSET.search(data)
    name = match[1].decode().lower() if match else ""
    if not _CHARSETS.fullmatch(name):
        return UTF_8
    try:
        return codecs.lookup(name).name
    except LookupError:
        return UTF_8


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    # Five bytes mean nothing in Windows-1252.
    found = error.object[error.start : error.end]
    return "".join(
        byte.decode("cp1252", "ignore") or byte.decode("latin-1")
        for byte in (found[index : index + 1] for index in range(len(found)))
    ), error.end


codecs.register_error("abcgen-windows-1252", _as_windows_1252)


def unescaped(text: str) -> str:
    r"""Return a text with mnemonics and entities (``\'e``, ``&eacute;``, ``\u00e9``) as letters."""
    # Until nothing changes: an entity may stand for the sign of another.
    for _ in range(MAX_NESTING):
        if "\\" not in text and "&" not in text:
            return text
        plain = _MNEMONIC.sub(_letter, text)
        if plain == text:
            return text
        text = plain
    return text.replace("\\", "").replace("&", "")


def _letter(match: re.Match[str]) -> str:
    if code := match["code"]:
        letter = chr(int(code, 16))
        # Half of a pair is no character.
        return match[0] if "\ud800" <= letter <= "\udfff" else letter
    if match["entity"]:
        return html.unescape(match[0])
    if accented := match["accented"]:
        mark = _ACCENTS[match["accent"] or match["word"]]
        composed = unicodedata.normalize("NFC", accented + mark)
        return composed if len(composed) == 1 else match[0]
    return _LETTERS[match["ligature"] or match["letter"]]


def typed_signs(text: str) -> str:
    """Return a line of music with curly quotes, special spaces and the like as ABC's own signs.

    Quoted texts stay as they are.
    """
    if "&" in text:
        text = _MUSIC_ENTITY.sub(lambda match: html.unescape(match[0]), text)
    if text.isascii():
        return text
    return _TYPED_SIGN.sub(lambda match: _TYPED.get(match[0], match[0]), text)


def without_tags(text: str) -> str:
    """Return a line without the tags of a web page around it; those in a field's text stay."""
    if "<" not in text or _FIELD.match(text):
        return text
    text = _CLOSING_TAG.sub("", text)
    tags = _TAGS.match(text)
    if tags and (tags.end() == len(text) or _FIELD.match(text, tags.end())):
        return text[tags.end() :]
    return text
