// SPDX-License-Identifier: Apache-2.0
/** The page by pointer, on the shipped model: what a user does, in the order of a first visit. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { clickAt, drag, exported, openPage, openSample, PHOTOS, ready, spot, told, withServer } from './browser.js';

const those = withServer();

/** One page with the astronaut (512 x 512) ready. */
async function withAstronaut(work) {
    const { page, wrong } = await openPage(those.browser, those.server.url);
    await openSample(page);
    await work(page);
    assert.deepEqual(wrong, []);
    await page.context().close();
}

const rows = (page) => page.locator('#objects li').count();
const pixels = (page) => page.evaluate(() => {
    const canvas = document.querySelector('#stage');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return data.reduce((hash, value) => (Math.imul(hash, 31) + value) | 0, 0);
});
const share = (text) => Number(text.match(/([\d.]+) percent/)[1]);

test('the pointer shows a mask, a click keeps it, more clicks refine it', () => withAstronaut(async (page) => {
    const bare = await pixels(page);
    const at = await spot(page, 230, 120);
    await page.mouse.move(at.x, at.y);
    await page.waitForFunction((before) => {
        const canvas = document.querySelector('#stage');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.reduce((hash, value) => (Math.imul(hash, 31) + value) | 0, 0) !== before;
    }, bare);
    assert.equal(await rows(page), 0, 'hovering leaves nothing');

    await clickAt(page, 230, 120);
    const first = await told(page, /Object 1, mask \d of 3, score 0\.\d\d/);
    await page.keyboard.press('Tab');
    const which = Number(first.match(/mask (\d)/)[1]);
    const second = await told(page, new RegExp(`mask ${(which % 3) + 1} of 3`));
    assert.notEqual(share(first), share(second));
    assert.equal(await page.locator('#alternatives [aria-pressed=true]').count(), 1);

    await clickAt(page, 250, 330);
    const added = await told(page, /Object 1, score/);
    await clickAt(page, 250, 330 - 200, { button: 'right' });
    const removed = await told(page, new RegExp(`^(?!${added.replace(/[.]/g, '\\.')}).*Object 1, score`));
    assert.notEqual(removed, added);
    await clickAt(page, 250, 330 - 200);
    await told(page, new RegExp(added.replace(/[.]/g, '\\.')));

    await clickAt(page, 120, 420, { modifiers: ['Shift'] });
    await told(page, new RegExp(`^(?!${added.replace(/[.]/g, '\\.')}).*Object 1, score`));
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    assert.equal(await rows(page), 0);
    assert.ok(await page.isDisabled('[data-act=undo]'));
    await page.keyboard.press('Control+Shift+z');
    assert.equal(await rows(page), 1);
}));

test('a box, refined by a point; several objects with names and colours', () => withAstronaut(async (page) => {
    await drag(page, [165, 20], [300, 200]);
    const boxed = await told(page, /Object 1, score/);
    await clickAt(page, 180, 190, { button: 'right' });
    await told(page, new RegExp(`^(?!${boxed.replace(/[.]/g, '\\.')}).*Object 1, score`));
    await page.keyboard.press('Enter');
    await clickAt(page, 400, 100);
    await told(page, /Object 2, mask/);
    await page.locator('#objects .name').nth(1).fill('shuttle');
    await page.locator('#objects .swatch').nth(1).click();
    assert.match(await page.locator('#objects .swatch').nth(1).getAttribute('aria-label'), /shuttle: green/);
    await page.focus('#stage');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    assert.equal(await page.locator('#objects .name').nth(1).inputValue(), 'Object 2');
    await page.keyboard.press('Control+y');
    assert.equal(await page.locator('#objects .name').nth(1).inputValue(), 'shuttle');
    await page.getByRole('button', { name: 'Hide Object 1' }).click();
    assert.equal(await page.getByRole('button', { name: 'Show Object 1' }).count(), 1);
    await page.getByRole('button', { name: 'Delete Object 1' }).click();
    assert.equal(await rows(page), 1);
    const { name, path } = await exported(page, 'coco');
    assert.equal(name, 'astronaut_coco.json');
    const said = JSON.parse(readFileSync(path));
    assert.deepEqual(said.categories, [{ id: 1, name: 'shuttle' }]);
}));

test('brush and eraser, and the model fitted to them', () => withAstronaut(async (page) => {
    await page.keyboard.press('b');
    await drag(page, [230, 60], [230, 180]);
    assert.equal(await rows(page), 1);
    const painted = JSON.parse(readFileSync((await exported(page, 'coco')).path)).annotations[0];
    assert.ok(painted.bbox[3] > 120 && painted.bbox[2] < 60, String(painted.bbox));
    await page.focus('#stage');
    await page.keyboard.press('x');
    await drag(page, [200, 120], [260, 120]);
    const wiped = JSON.parse(readFileSync((await exported(page, 'coco')).path)).annotations[0];
    assert.ok(wiped.area < painted.area && wiped.bbox[3] === painted.bbox[3]);
    await page.focus('#stage');
    await page.keyboard.press('f');
    await told(page, /Object 1, score 0\.\d\d/);
    assert.equal(await page.locator('[data-act=toolSelect]').getAttribute('aria-pressed'), 'true');
    await page.keyboard.press('Control+z');
    assert.ok(await page.isVisible('#refine'));
}));

test('everything: the pointer lights a mask up, a click keeps it', () => withAstronaut(async (page) => {
    await page.click('[data-act=everything]');
    await told(page, /\d+ masks/);
    const before = await pixels(page);
    await clickAt(page, 100, 350); // the sleeve
    await told(page, /Object 1 added/);
    assert.equal(await rows(page), 1);
    assert.notEqual(await pixels(page), before);
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('[data-act=everything]').getAttribute('aria-pressed'), 'false');
    await page.locator('#objects li').first().click({ position: { x: 150, y: 4 } });
    await told(page, /Object 1, mask \d of 3/);
}));

test('zoom and moving keep clicks where they belong', () => withAstronaut(async (page) => {
    await clickAt(page, 230, 120);
    const plain = await told(page, /Object 1, mask/);
    await page.keyboard.press('Control+z');
    const at = await spot(page, 230, 120);
    await page.mouse.move(at.x, at.y);
    await page.mouse.wheel(0, -300);
    const near = await spot(page, 230, 120);
    assert.ok(Math.hypot(near.x - at.x, near.y - at.y) < 1, 'the point under the pointer stays');
    await page.keyboard.down('Space');
    await drag(page, [230, 120], [260, 140]);
    await page.keyboard.up('Space');
    assert.equal(await rows(page), 0, 'moving draws no box');
    await page.evaluate(() => {
        document.querySelector('#status').textContent = '';
    });
    await clickAt(page, 230, 120);
    const zoomed = await told(page, /Object 1, mask/);
    assert.ok(Math.abs(share(zoomed) - share(plain)) < 1.5, `${zoomed} / ${plain}`);
    await page.keyboard.press('0');
    await page.keyboard.press('1');
    assert.equal(await page.textContent('#zoom'), '100%');
}));

test('photos that are dropped, pasted and chosen; each keeps its objects', async () => {
    const { page, wrong } = await openPage(those.browser, those.server.url);
    const bytes = readFileSync(join(PHOTOS, 'rocket.jpg')).toString('base64');
    const give = (kind) => page.evaluate(async ([data, event]) => {
        const blob = await (await fetch(`data:image/jpeg;base64,${data}`)).blob();
        const transfer = new DataTransfer();
        transfer.items.add(new File([blob], `${event}.jpg`, { type: 'image/jpeg' }));
        dispatchEvent(event === 'drop' ? new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true })
            : new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true }));
    }, [bytes, kind]);
    await give('drop');
    await ready(page);
    assert.equal(await page.textContent('#photo-name'), 'drop.jpg');
    await clickAt(page, 322, 250);
    await told(page, /Object 1, mask/);
    await give('paste');
    await page.waitForFunction(() => document.querySelector('#photo-name').textContent === 'paste.jpg');
    await ready(page);
    assert.equal(await rows(page), 0);
    await page.setInputFiles('#file', join(PHOTOS, 'astronaut.jpg'));
    await page.waitForFunction(() => document.querySelector('#photo-name').textContent === 'astronaut.jpg');
    await ready(page);
    await page.getByRole('button', { name: 'drop.jpg' }).click();
    await page.waitForFunction(() => document.querySelector('#photo-name').textContent === 'drop.jpg');
    assert.equal(await rows(page), 1, 'its object is there again');
    await page.setInputFiles('#file', { name: 'text.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no photo') });
    await page.waitForSelector('.toast.error');
    assert.equal(await page.textContent('#photo-name'), 'drop.jpg');
    assert.deepEqual(wrong, []);
    await page.context().close();
});
