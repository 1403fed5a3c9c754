"""Header blocks of HTTP/2 (RFC 7541), as far as one gRPC call needs them: names and values of an answer that may keep no table.

The session's peer is told that it may keep no table of headers (`SETTINGS_HEADER_TABLE_SIZE` 0), so a block says everything by
itself. Of the static table only the statuses matter.
"""

from __future__ import annotations

from functools import cache

_STATUSES = {8: "200", 9: "204", 10: "206", 11: "304", 12: "400", 13: "404", 14: "500"}
_STATIC_NAMES = 61
#: Characters by the length of their Huffman codes; codes of one length follow one another in this order (RFC 7541, appendix B).
_BY_LENGTH = {
    5: "012aceiost",
    6: " %-./3456789=A_bdfghlmnpru",
    7: ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
    8: "&*,;XZ",
    10: '!"()?',
    11: "'+|",
    12: "#>",
    13: "\0$@[]~",
    14: "^}",
    15: "<`{",
}
_LONGEST = 15


class HeaderError(Exception):
    """A block that no peer may send here."""


@cache
def _codes() -> dict[tuple[int, int], str]:
    codes, code, before = {}, 0, 5
    for length, characters in _BY_LENGTH.items():
        code <<= length - before
        before = length
        for character in characters:
            codes[length, code] = character
            code += 1
    return codes


def encode_headers(headers: list[tuple[str, str]]) -> bytes:
    """A block in which every header stands as it is."""
    block = bytearray()
    for name, value in headers:
        block.append(0)
        for text in (name, value):
            data = text.encode("latin-1")
            block += _encode_integer(len(data), 7) + data
    return bytes(block)


def decode_headers(block: bytes) -> dict[str, str]:
    """Headers by their names; of several with one name the last."""
    headers: dict[str, str] = {}
    at = 0
    try:
        while at < len(block):
            first = block[at]
            if first & 0x80:
                index, at = _integer(block, at, 7)
                if not 1 <= index <= _STATIC_NAMES:
                    raise HeaderError(f"entry {index} of a table that may not be kept")
                if index in _STATUSES:
                    headers[":status"] = _STATUSES[index]
            elif first & 0xE0 == 0x20:  # The size of the table, which is none.
                _, at = _integer(block, at, 5)
            else:
                index, at = _integer(block, at, 6 if first & 0x40 else 4)
                name, at = (":status" if index in _STATUSES else "", at) if index else _text(block, at)
                headers[name], at = _text(block, at)
    except IndexError:
        raise HeaderError("a header block ends within a header") from None
    return headers


def _encode_integer(value: int, bits: int) -> bytes:
    most = (1 << bits) - 1
    if value < most:
        return bytes((value,))
    data = bytearray((most,))
    value -= most
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def _integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    most = (1 << bits) - 1
    value = block[at] & most
    at += 1
    if value < most:
        return value, at
    for shift in range(0, 28, 7):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise HeaderError("a number in a header block is too large")


def _text(block: bytes, at: int) -> tuple[str, int]:
    packed = block[at] & 0x80
    size, at = _integer(block, at, 7)
    end = at + size
    if end > len(block):
        raise IndexError
    data = block[at:end]
    return (_unpack(data) if packed else data.decode("latin-1")), end


def _unpack(data: bytes) -> str:
    """Huffman's code; ends at the first character that words of gRPC seldom hold, whose codes are longer than two bytes."""
    codes, text, code, length = _codes(), [], 0, 0
    for byte in data:
        for shift in range(7, -1, -1):
            code = code << 1 | byte >> shift & 1
            length += 1
            if (character := codes.get((length, code))) is not None:
                text.append(character)
                code = length = 0
            elif length > _LONGEST:
                return "".join((*text, "…"))
    return "".join(text)
