// SPDX-License-Identifier: Apache-2.0
/** What the page exports, beside what `samc segment` says to the same prompt. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { clickAt, drag, exported, openPage, ready, SAMC, scratch, told, withServer } from './browser.js';
import { decode, fromString, iou } from '../../web/rle.js';

const those = withServer();
const folder = scratch();

/** The astronaut at 1600 x 1200, larger than the masks that the page works on. */
async function largePhoto(page) {
    const data = await page.evaluate(async () => {
        const bitmap = await createImageBitmap(await (await fetch('samples/astronaut.jpg')).blob());
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [1600, 1200];
        canvas.getContext('2d').drawImage(bitmap, 0, 0, 1600, 1200);
        return canvas.toDataURL('image/png').split(',')[1];
    });
    const path = join(folder, 'large.png');
    writeFileSync(path, Buffer.from(data, 'base64'));
    await page.setInputFiles('#file', path);
    await ready(page);
    return path;
}

/** `samc segment` on the same photo: masks as bits. */
function segment(photo, words) {
    const out = execFileSync(SAMC, ['segment', photo, ...words, '--json'], { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
    const lines = out.toString().trim().split('\n').map((line) => JSON.parse(line));
    const masks = lines.flatMap((line) => line.masks ?? [line]);
    return masks.map(({ rle, segmentation }) => {
        const { size, counts } = rle ?? segmentation;
        return decode(fromString(counts, size[1], size[0]));
    });
}

/** A picture's pixels, as the browser reads them: [width, height, RGBA]. */
async function readPng(page, path) {
    const data = readFileSync(path).toString('base64');
    const [width, height, text] = await page.evaluate(async (base64) => {
        const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
        const context = canvas.getContext('2d');
        context.drawImage(bitmap, 0, 0);
        const rgba = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
        let out = '';
        for (let at = 0; at < rgba.length; at += 32768) {
            out += String.fromCharCode(...rgba.subarray(at, at + 32768));
        }
        return [bitmap.width, bitmap.height, btoa(out)];
    }, data);
    return [width, height, Buffer.from(text, 'base64')];
}

/** The mask of the one annotation in a COCO file, and that. */
function readCoco(path) {
    const said = JSON.parse(readFileSync(path));
    assert.equal(said.annotations.length, 1);
    const [annotation] = said.annotations;
    const [height, width] = annotation.segmentation.size;
    return { annotation, width, height, bits: decode(fromString(annotation.segmentation.counts, width, height)) };
}

for (const [name, act, multimask] of [
    ['one point', (page) => clickAt(page, 720, 290), true],
    ['points on and beside it', async (page) => {
        await clickAt(page, 720, 290);
        await clickAt(page, 800, 850);
        await clickAt(page, 300, 200, { button: 'right' });
    }, false],
    ['a box and a point', async (page) => {
        await drag(page, [510, 50], [940, 480]);
        await told(page, /Object 1, score/);
        await clickAt(page, 720, 290);
    }, false],
]) {
    test(`exports are samc segment's: ${name}`, async () => {
        const { page, wrong } = await openPage(those.browser, those.server.url);
        const photo = await largePhoto(page);
        await act(page);
        await told(page, multimask ? /Object 1, mask/ : /Object 1, score/);
        const { annotation, width, height, bits } = readCoco((await exported(page, 'coco', 'one')).path);
        assert.deepEqual([width, height], [1600, 1200]);
        const words = (annotation.point_coords ?? []).flatMap(([x, y], i) =>
            ['--point', `${x},${y},${annotation.point_labels[i] ? '+' : '-'}`]);
        if (annotation.input_box) {
            words.push('--box', annotation.input_box.join());
        }
        const masks = segment(photo, multimask ? [...words, '--multimask'] : words);
        const best = Math.max(...masks.map((mask) => iou(mask, bits)));
        assert.ok(best >= 0.999, `IoU ${best}`);

        await page.focus('#stage');
        const mask = await exported(page, 'mask', 'one');
        assert.equal(mask.name, 'large_Object_1_mask.png');
        const [w, h, rgba] = await readPng(page, mask.path);
        assert.deepEqual([w, h], [1600, 1200]);
        assert.ok(bits.every((bit, i) => rgba[4 * i] === (bit ? 255 : 0)), 'the PNG is the same mask');

        await page.focus('#stage');
        await page.keyboard.press('s');
        await page.check('input[name=kind][value=cutout]', { force: true });
        await page.uncheck('#crop-row input');
        const [download] = await Promise.all([page.waitForEvent('download'), page.click('#export-save')]);
        const [, , cut] = await readPng(page, await download.path());
        const [, , whole] = await readPng(page, photo);
        assert.ok(bits.every((bit, i) => (bit ? cut[4 * i + 3] === 255 && cut[4 * i] === whole[4 * i] : cut[4 * i + 3] === 0)));
        assert.deepEqual(wrong, []);
        await page.context().close();
    });
}

test('outlines get fewer corners as they get coarser, and the clipboard holds what was copied', async () => {
    const { page } = await openPage(those.browser, those.server.url);
    await largePhoto(page);
    await clickAt(page, 720, 290);
    await told(page, /Object 1, mask/);
    await page.keyboard.press('s');
    await page.check('input[name=kind][value=svg]', { force: true });
    const corners = [];
    for (const fineness of ['0', '1', '4', '10']) {
        await page.fill('#fineness', fineness);
        await page.waitForFunction((value) => new RegExp(`^${value} px, \\d+`).test(document.querySelector('#fineness-value').textContent), fineness);
        corners.push(Number((await page.textContent('#fineness-value')).match(/, (\d+)/)[1]));
    }
    assert.ok(corners.every((count, i) => i === 0 || count < corners[i - 1]), String(corners));
    await page.click('#export-copy');
    await page.waitForSelector('.toast');
    const text = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(text, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="1600" height="1200"/);
    await page.focus('#stage');
    await page.keyboard.press('Control+c');
    await page.getByText('Cut-out of Object 1 copied').waitFor();
    const types = await page.evaluate(async () => (await navigator.clipboard.read()).flatMap((item) => item.types));
    assert.deepEqual(types, ['image/png']);
    await page.context().close();
});
