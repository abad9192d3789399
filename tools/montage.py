#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""montage.py OUT.png ROW -- ROW ...: puts PNGs beside and below each other, white between them.

Each ROW is a list of 8-bit RGB PNGs, set side by side and centred. Python's standard library only,
so that the demo needs nothing that the build does not.
"""
import struct
import sys
import zlib

GAP = 8  # pixels between the pictures


def unfilter(raw, height, stride, step):
    """The rows of a PNG's data; step is the number of bytes a pixel."""
    rows, above = [], bytearray(stride)
    for y in range(height):
        kind = raw[y * (stride + 1)]
        row = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        if kind == 1:
            for i in range(step, stride):
                row[i] = (row[i] + row[i - step]) & 255
        elif kind == 2:
            for i in range(stride):
                row[i] = (row[i] + above[i]) & 255
        elif kind == 3:
            for i in range(stride):
                left = row[i - step] if i >= step else 0
                row[i] = (row[i] + (left + above[i]) // 2) & 255
        elif kind == 4:
            for i in range(stride):
                a, c = (row[i - step], above[i - step]) if i >= step else (0, 0)
                b = above[i]
                pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
                best = a if pa <= pb and pa <= pc else b if pb <= pc else c
                row[i] = (row[i] + best) & 255
        rows.append(row)
        above = row
    return rows


def read_png(path):
    """(width, rows of RGB bytes)."""
    with open(path, "rb") as file:
        data = file.read()
    at, body, header = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", data[at + 8:at + 8 + length])
        elif kind == b"IDAT":
            body += data[at + 8:at + 8 + length]
        at += length + 12
    width, height, depth, colour, _, _, interlace = header
    if (depth, colour, interlace) != (8, 2, 0):
        sys.exit(f"{path}: not a plain 8-bit RGB PNG")
    return width, unfilter(zlib.decompress(body), height, 3 * width, 3)


def write_png(path, width, rows):
    """Writes rows of RGB bytes."""
    def chunk(kind, body):
        return (struct.pack(">I", len(body)) + kind + body
                + struct.pack(">I", zlib.crc32(kind + body)))
    raw = b"".join(b"\0" + bytes(row) for row in rows)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n"
                   + chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def main():
    out, words, lines = sys.argv[1], sys.argv[2:], [[]]
    for word in words:
        if word == "--":
            lines.append([])
        else:
            lines[-1].append(read_png(word))
    widths = [sum(width for width, _ in line) + GAP * (len(line) - 1) for line in lines]
    full = max(widths)
    rows = []
    for line, width in zip(lines, widths):
        height = max(len(picture) for _, picture in line)
        if rows:
            rows += [b"\xff" * 3 * full] * GAP
        for y in range(height):
            cells = [bytes(picture[y - (height - len(picture)) // 2])
                     if 0 <= y - (height - len(picture)) // 2 < len(picture)
                     else b"\xff" * 3 * w for w, picture in line]
            left = (full - width) // 2
            row = b"\xff" * 3 * left + (b"\xff" * 3 * GAP).join(cells)
            rows.append(row + b"\xff" * (3 * full - len(row)))
    write_png(out, full, rows)


if __name__ == "__main__":
    main()
