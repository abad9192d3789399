# SPDX-License-Identifier: Apache-2.0
"""`samc masks clean`: every kind of file, every option, and what must not be lost."""
import json
import os
import struct
import unittest
import zlib

from samc_test import Case, decode_rle, png_bytes, read_png


def rows(text):
    return [[int(c == "#") for c in line] for line in text.split()]


def counts_of(mask):
    """COCO's uncompressed counts."""
    flat = [mask[y][x] for x in range(len(mask[0])) for y in range(len(mask))]
    counts, value = [0], 0
    for v in flat:
        if v != value:
            counts.append(0)
            value = v
        counts[-1] += 1
    return counts


def rle(text):
    mask = rows(text)
    return {"size": [len(mask), len(mask[0])], "counts": counts_of(mask)}


def draw(segmentation):
    """Rows of '#' and '.', of counts in a list or a string."""
    if isinstance(segmentation["counts"], str):
        height, width = segmentation["size"]
        flat = decode_rle(segmentation)
        return [("".join(".#"[v] for v in flat[y * width:(y + 1) * width])) for y in range(height)]
    height, width = segmentation["size"]
    flat = "".join(".#"[i % 2] * n for i, n in enumerate(segmentation["counts"]))
    return ["".join(flat[x * height + y] for x in range(width)) for y in range(height)]


RING = "####.. #..#.. #..#.. ####.. ...... .....#"
FULL = "####.. ####.. ####.. ####.. ...... ......"
PART = "##.... ##.... ...... ...... ...... ......"


class Clean(Case):
    def sa1b(self, *masks, name="in.json", **more):
        self.write(name, json.dumps({
            "image": {"image_id": 7, "width": 6, "height": 6, "file_name": "a.jpg", "mine": [1]},
            "annotations": [{"id": 10 + i, "segmentation": rle(m), "area": 0, "bbox": [0, 0, 0, 0],
                             "predicted_iou": 0.9 - i / 10, "own": "kept"}
                            for i, m in enumerate(masks)], **more}).encode())
        return name

    def clean(self, name, *words, out="out.json", **more):
        done = self.samc("masks", "clean", name, "-o", out, *words, **more)
        if not out.endswith(".json"):
            return done
        with open(self.path(out), encoding="utf-8") as file:
            return json.load(file)

    def test_holes_and_islands(self):
        self.sa1b(RING)
        made = self.clean("in.json", "--fill-holes", "5", "--drop-islands", "2")
        record, = made["annotations"]
        self.assertEqual(draw(record["segmentation"]), FULL.split())
        self.assertEqual((record["area"], record["bbox"], record["id"], record["own"]),
                         (16, [0, 0, 3, 3], 10, "kept"))
        self.assertEqual(made["image"]["mine"], [1])
        made = self.clean("in.json", "--fill-holes", "4", "--drop-islands", "1")
        self.assertEqual(made["annotations"][0]["area"], 0)  # untouched, as it was
        made = self.clean("in.json", "--drop-islands", "all")
        self.assertEqual(draw(made["annotations"][0]["segmentation"])[5], "......")

    def ids(self, made):
        return [record["id"] for record in made["annotations"]]

    def test_duplicates_keep_the_best(self):
        self.sa1b(PART, FULL, FULL)
        self.assertEqual(self.ids(self.clean("in.json", "--duplicates", "0.9")), [10, 11])
        self.assertEqual(self.ids(self.clean("in.json", "--duplicates", "0.2")), [10])
        self.assertEqual(self.ids(self.clean("in.json", "--min-area", "5")), [11, 12])

    def test_nested(self):
        self.sa1b(FULL, PART, "...##. ...... ...... ...... ...... .....#")
        self.assertEqual(self.ids(self.clean("in.json", "--nested", "smallest")), [11, 12])
        self.assertEqual(self.ids(self.clean("in.json", "--nested", "largest")), [10, 12])
        made = self.clean("in.json", "--nested", "merge", "--nested-share", "0.3")
        self.assertEqual(self.ids(made), [10])
        self.assertEqual(draw(made["annotations"][0]["segmentation"]),
                         "#####. ####.. ####.. ####.. ...... .....#".split())

    def test_disjoint(self):
        self.sa1b(FULL, PART, FULL)
        for whose, areas in (("smallest", [12, 4]), ("largest", [16]), ("score", [16]),
                             ("first", [16])):
            made = self.clean("in.json", "--disjoint", whose)
            union = [sum(draw(r["segmentation"])[y][x] == "#" for r in made["annotations"])
                     for y in range(6) for x in range(6)]
            self.assertEqual(max(union), 1)
            self.assertEqual([sum(row.count("#") for row in draw(r["segmentation"]))
                              for r in made["annotations"]], areas, whose)

    def test_generators_list(self):
        self.write("in.json", json.dumps([{"segmentation": rle(RING), "id": 3}]).encode())
        record, = self.clean("in.json", "--fill-holes", "all")
        self.assertEqual((draw(record["segmentation"])[1], record["id"]), ("####..", 3))

    def coco(self):
        ring = [[0, 0, 4, 0, 4, 4, 0, 4, 0, 0, 1, 1, 1, 3, 3, 3, 3, 1, 1, 1, 0, 0]]
        data = {"info": {"by": "me", "π": 3.25}, "licenses": [],
                "images": [{"id": 5, "width": 6, "height": 6, "file_name": "a.jpg"},
                           {"id": 2, "width": 6, "height": 6, "file_name": "b.jpg"}],
                "annotations": [
                    {"id": 1, "image_id": 2, "category_id": 1, "segmentation": ring, "score": 0.1},
                    {"id": 2, "image_id": 9, "category_id": 1, "segmentation": "of no image"},
                    {"id": 3, "image_id": 5, "category_id": 1, "segmentation": rle(FULL),
                     "area": 16.123456789012345},
                    {"id": 4, "image_id": 2, "category_id": 1, "iscrowd": 1,
                     "segmentation": rle(RING)},
                    {"id": 5, "image_id": 2, "category_id": 1, "bbox": [1, 2, 3, 4]}],
                "categories": [{"id": 1, "name": "thing"}]}
        self.write("coco.json", json.dumps(data).encode())
        return data

    def test_coco(self):
        data = self.coco()
        made = self.clean("coco.json", "--fill-holes", "all")
        self.assertEqual(list(made), list(data))
        for key in ("info", "licenses", "images", "categories"):
            self.assertEqual(made[key], data[key])
        by_id = {record["id"]: record for record in made["annotations"]}
        self.assertEqual(sorted(by_id), [1, 2, 3, 4, 5])
        for same in (2, 3, 4, 5):
            self.assertEqual(by_id[same], data["annotations"][same - 1])
        self.assertEqual((by_id[1]["area"], by_id[1]["bbox"], by_id[1]["score"]),
                         (16, [0, 0, 4, 4], 0.1))
        polygon, = by_id[1]["segmentation"]
        self.assertEqual({tuple(polygon[i:i + 2]) for i in range(0, len(polygon), 2)},
                         {(0, 0), (4, 0), (4, 4), (0, 4)})

    def test_a_bad_mask_stays_and_is_said(self):
        self.sa1b(FULL, PART)
        with open(self.path("in.json"), encoding="utf-8") as file:
            data = json.load(file)
        data["annotations"][0]["segmentation"]["counts"] = [1, 2]
        self.write("in.json", json.dumps(data).encode())
        done = self.samc("masks", "clean", "in.json", "-o", "out.json", "--min-area", "9", code=1)
        self.assertIn("in.json: mask 0 stays as it is", done.err)
        with open(self.path("out.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["annotations"], data["annotations"][:1])

    def amg(self, folder, *masks):
        head = ("id,area,bbox_x0,bbox_y0,bbox_w,bbox_h,point_input_x,point_input_y,predicted_iou,"
                "stability_score,crop_box_x0,crop_box_y0,crop_box_w,crop_box_h")
        lines = [head] + [f"{i},1,0,0,1,1,2.5,3.5,0.{9 - i},0.98,0,0,5,5"
                          for i in range(len(masks))]
        for i, m in enumerate(masks):
            self.write(f"{folder}/{i}.png",
                       png_bytes(6, 6, bytes(255 * v for row in rows(m) for v in row), 1))
        self.write(f"{folder}/metadata.csv", ("\n".join(lines) + "\n").encode())
        return head

    def test_amg_folder(self):
        head = self.amg("amg", RING, FULL, PART)
        self.write("out/1.png", b"of an earlier run")
        self.clean("amg", "--fill-holes", "all", "--drop-islands", "2", "--duplicates", "0.9",
                   out="out")
        self.assertEqual(self.files("out"), ["0.png", "2.png", "metadata.csv"])
        with open(self.path("out/metadata.csv"), encoding="ascii") as file:
            self.assertEqual(file.read().split("\n"),
                             [head, "0,16,0,0,3,3,2.5,3.5,0.9,0.98,0,0,5,5",
                              "2,1,0,0,1,1,2.5,3.5,0.7,0.98,0,0,5,5", ""])
        with open(self.path("out/0.png"), "rb") as file:
            self.assertEqual(read_png(file.read())[3],
                             bytes(255 * v for row in rows(FULL) for v in row))

    def label_png(self, bits, values, palette=None):
        def chunk(kind, body):
            return (struct.pack(">I", len(body)) + kind + body
                    + struct.pack(">I", zlib.crc32(kind + body)))
        lines = b"".join(b"\0" + struct.pack(f">5{'H' if bits == 16 else 'B'}", *row)
                         for row in values)
        return (b"\x89PNG\r\n\x1a\n"
                + chunk(b"IHDR", struct.pack(">IIBBBBB", 5, len(values), bits, 3 if palette else 0,
                                             0, 0, 0))
                + (chunk(b"PLTE", palette) if palette else b"")
                + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))

    def chunks(self, name):
        with open(self.path(name), "rb") as file:
            data, at, found = file.read(), 8, {}
        while at < len(data):
            length, kind = struct.unpack(">I4s", data[at:at + 8])
            found[kind] = data[at + 8:at + 8 + length]
            at += length + 12
        return found

    def test_label_map(self):
        values = [[7, 7, 7, 0, 0], [7, 0, 7, 0, 0], [7, 9, 7, 0, 7], [7, 7, 7, 0, 9]]
        # the hole of 7, with 9 in it, is filled, islands go, and 9 stays on top
        want = [[7, 7, 7, 0, 0], [7, 7, 7, 0, 0], [7, 9, 7, 0, 0], [7, 7, 7, 0, 0]]
        for bits, factor, palette in ((8, 1, None), (16, 1000, None), (8, 1, bytes(range(30)))):
            self.write("l.png", self.label_png(bits, [[v * factor for v in row] for row in values],
                                               palette))
            self.clean("l.png", "--drop-islands", "2", "--fill-holes", "all", out="o.png")
            self.assertEqual(self.chunks("o.png").get(b"PLTE"), palette)
            self.assertEqual(self.read_labels("o.png", bits),
                             [[v * factor for v in row] for row in want])

    def read_labels(self, name, bits):
        """The numbers of a PNG, whatever its filters: read as gray by the test's own reader, two
        channels of bytes standing for one of 16 bits."""
        found = self.chunks(name)
        self.assertEqual(found[b"IHDR"][8], bits)
        raw, step = zlib.decompress(found[b"IDAT"]), 5 * bits // 8 + 1
        size, above, lines = bits // 8, bytes(step - 1), []
        for y in range(4):
            kind, row = raw[y * step], bytearray(raw[y * step + 1:(y + 1) * step])
            for i in range(step - 1):
                a = row[i - size] if i >= size else 0
                b, c = above[i], above[i - size] if i >= size else 0
                near = min((a, b, c), key=lambda v, p=a + b - c: abs(p - v))
                row[i] = (row[i] + [0, a, b, (a + b) // 2, near][kind]) & 255
            above = bytes(row)
            lines.append(list(struct.unpack(f">5{'H' if bits == 16 else 'B'}", above)))
        return lines

    def test_a_folder_of_all(self):
        self.sa1b(FULL, name="in/a/1.json")
        self.amg("in/photo", RING)
        self.write("in/l.png", self.label_png(8, [[1, 1, 0, 0, 0]]))
        self.write("in/bad.json", b"{")
        done = self.samc("masks", "clean", "in", "-o", "out", "--fill-holes", "all", code=1)
        self.assertIn("cannot read in/bad.json: line 1", done.err)
        self.assertEqual(self.files("out"), ["a", "l.png", "photo"])
        self.assertEqual(self.files("out/photo"), ["0.png", "metadata.csv"])
        self.samc("masks", "clean", "in", "-o", "in", "--fill-holes", "all", code=2)

    def test_nothing_is_lost_where_it_cannot_write(self):
        self.sa1b(RING)
        self.clean("in.json", "--fill-holes", "all")
        before = self.files()
        with open(self.path("out.json"), "rb") as file:
            whole = file.read()
        self.samc("masks", "clean", "in.json", "-o", "in.json/x", "--fill-holes", "all", code=4)
        self.assertEqual(self.files(), before)
        with open(self.path("out.json"), "rb") as file:
            self.assertEqual(file.read(), whole)

    def test_usage(self):
        self.sa1b(FULL)
        for words in (["clean", "in.json", "--fill-holes", "5"], ["clean", "in.json", "-o", "o"],
                      ["in.json", "-o", "o", "--min-area", "5"],
                      ["clean", "-o", "o", "--min-area", "5"],
                      ["clean", "in.json", "-o", "o", "--nested", "both"],
                      ["clean", "in.json", "-o", "o", "--duplicates", "1.5"],
                      ["clean", "in.json", "-o", "o", "--fill-holes", "-3"]):
            self.samc("masks", *words, code=2)
        self.assertEqual(self.files(), ["in.json"])
        self.samc("masks", "clean", "gone.json", "-o", "o", "--min-area", "5", code=1)


if __name__ == "__main__":
    unittest.main()
