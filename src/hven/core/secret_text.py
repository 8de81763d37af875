"""What looks like a secret in text: in names, addresses, assignments, command lines, XML and keys."""

from __future__ import annotations

import re

HIDDEN = "***"

_WORD = r"passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|private[_-]?key|credential|authorization"
"""Secret wherever it stands in a name."""
_FILTERS = "".join(rf"(?<!{kind}[ _-])" for kind in ("low", "high", "band", "all"))
_PASS = rf"{_FILTERS}pass(?![ _-]?(?:band|filter|count|fail|rate|number)|[a-z0-9])"
_PART = (
    rf"(?<![a-z0-9])(?:{_PASS}|(?:(?-i:pw|PW|Pw)|auth)(?![a-z0-9]))"
    r"|(?-i:(?<=[a-z0-9])(?<!low)(?<!high)(?<!band)(?<!all)(?<!by)(?:Pass|Pw|Auth)(?![a-z]))"
)
"""Secret as a part of a name, as in `wps_pass`: neither compass nor author, filters have a pass band, pW is a unit."""

_CERTAIN_NAME = re.compile(_WORD, re.IGNORECASE)
_LIKELY_NAME = re.compile(_PART, re.IGNORECASE)

_QUOTE = r"""(?:\\?["'])"""
_QUOTED = r"""\\".*?\\"|\\'.*?\\'|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
_VALUE = rf"""(?!\*\*\*(?:["'\s<]|\Z))(?:(?:bearer|basic)\s+)?(?:{_QUOTED}|["'][^\r\n]*|[^\s,;]+)"""
_NAME = rf"[\w.-]*(?:{_WORD}|{_PART})[\w.-]*"
_LABEL = rf"(?<![\w.-]){_NAME}"
_SPACED_LABEL = rf"(?<![\w.-])(?:[\w.-]*(?:{_WORD}|(?<![a-z0-9]){_PASS})|--?[\w.-]*(?:{_PART}))[\w.-]*"

_KEY = r"-----{0} (?:[A-Z0-9 ]+ )?PRIVATE KEY(?: BLOCK)?-----"
_PRIVATE_KEY = (rf"({_KEY.format('BEGIN')}).*?({_KEY.format('END')}|\Z)", rf"\1{HIDDEN}\2")
_URL = (r"(:(?:\\?/){2})\S*@", rf"\1{HIDDEN}@")
_ELEMENT = (rf"(<(?:[\w.-]+:)?{_LABEL}(?:\s[^<>]*)?>)(?:<!\[CDATA\[.*?\]\]>|\s*[^<\s][^<]*)(?=<)", rf"\1{HIDDEN}")
_PAIR = (rf"([(\[]\s*b?{_QUOTE}{_LABEL}{_QUOTE}\s*,\s*)b?(?:{_QUOTED}|[^\s,)\]]+)(?=\s*,?\s*[)\]])", rf"\1{HIDDEN}")
_ARGUMENT = (rf"({_QUOTE}--?{_NAME}{_QUOTE}\s*,\s*)(?:{_QUOTED})", rf"\1{HIDDEN}")
_REST = r"""(?:(?!["']\s*(?:[,}\]\r\n]|\Z))[^\r\n])+"""
_REST_OF_LINE = (
    rf"({_LABEL}(?:[ \t]+(?:for|of)[ \t]+[^\s:]+)?(?:[ \t]*:[ \t]+|[ \t]+=[ \t]+))(?:{_QUOTED}|{_REST})",
    rf"\1{HIDDEN}",
)
_ASSIGNMENT = (rf"({_LABEL}{_QUOTE}?(?:\s*[=:]\s*|\s+(?:is|was)\s+)){_VALUE}", rf"\1{HIDDEN}")
_SPACED = (rf"({_SPACED_LABEL}{_QUOTE}?\s+(?!(?:is|was|for|of)\s|[=:])){_VALUE}", rf"\1{HIDDEN}")
_LOGIN_OPTION = (
    (
        rf"((?:(?<![\w-])(?:-u|--(?:proxy-)?user)(?:{_QUOTE},)?[\s=]+|\bcurl\b[^\r\n]{{0,300}}?\s-u)"
        rf"(?!{_QUOTE}?\d+[:-]\d))"
        r"""(?:\\?"[^":\r\n]+:[^"\r\n]*"|'[^':\r\n]+:[^'\r\n]*'|[\w.@-]+:(?!//)\S+)"""
    ),
    rf"\1{HIDDEN}",
)
_LABELS = "mailto|e-?mail|mail|contact|authors?|maintainer|owner|operator|observer|from|to|cc|bcc|by|sip|xmpp|acct"
_LOGIN = (
    (
        rf"(?:(?<![\w.+:@/%-])|(?<=//))(?!(?:{_LABELS}):)(?!(?:[0-9a-f]{{0,4}}:){{2,}})[a-z_][\w.+-]*:"
        r"""(?!git@)[^\s/@"'<>][^\s/"'<>]*@(?!sha\d+:)(?=[a-z][\w.-]|\d{1,3}(?:\.\d{1,3}){3}|\[)"""
    ),
    f"{HIDDEN}@",
)
"""`user:password@host` without a scheme; neither a label of an e-mail address nor part of an IPv6 address is a user."""

_HIDING = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), replacement)
    for pattern, replacement in (
        _PRIVATE_KEY,
        _URL,
        _ELEMENT,
        _PAIR,
        _ARGUMENT,
        _REST_OF_LINE,
        _ASSIGNMENT,
        _SPACED,
        _LOGIN_OPTION,
        _LOGIN,
    )
)
_OPTION = re.compile(rf"--?{_NAME}", re.IGNORECASE)
_USER_OPTIONS = ("-u", "--user", "--proxy-user")


def hide(text: str) -> str:
    """Text without what looks like a secret.

    Examples
    --------
    >>> hide("curl -u admin:1234 http://power/on # wps_pass=1234, compass=90")
    'curl -u *** http://power/on # wps_pass=***, compass=90'
    """
    for pattern, replacement in _HIDING:
        text = pattern.sub(replacement, text)
    return text


def names_secret(name: str, value: object) -> bool:
    """Whether a value is secret by its name; where the name may mean something else, a flag or a fraction is none.

    Examples
    --------
    >>> names_secret("wps_pass", "1234"), names_secret("compass", 90), names_secret("use_auth", True)
    (True, False, False)
    """
    if _CERTAIN_NAME.search(name):
        return True
    return bool(_LIKELY_NAME.search(name)) and not isinstance(value, bool | float | None)


def follows_option(option: object, value: object) -> bool:
    """Whether a word of a command line is the secret that the option before it introduces.

    Examples
    --------
    >>> follows_option("--password", "1234"), follows_option("-u", "admin:1234"), follows_option("-u", "main.py")
    (True, True, False)
    """
    if not isinstance(option, str) or not isinstance(value, str):
        return False
    return bool(_OPTION.fullmatch(option)) or (option in _USER_OPTIONS and ":" in value)
