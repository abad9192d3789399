// SPDX-License-Identifier: Apache-2.0
/** Everybody can use it: axe, keyboard alone, touch, tokens; and nobody's names run. Mostly on the tiny model. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { clickAt, openPage, openSample, PHOTOS, ready, scratch, serve, spot, TINY, told, violations, withServer } from './browser.js';
import { hostileNames } from './hostile_names.js';

const those = withServer('-m', TINY);

for (const colorScheme of ['light', 'dark']) {
    for (const [device, viewport] of [['laptop', { width: 1280, height: 800 }], ['phone', { width: 390, height: 844 }]]) {
        test(`axe finds nothing, ${colorScheme}, ${device}`, async () => {
            const { page, wrong } = await openPage(those.browser, those.server.url, { colorScheme, viewport, reducedMotion: 'reduce' });
            assert.deepEqual(await violations(page), [], 'empty');
            await openSample(page);
            assert.deepEqual(await violations(page), [], 'with a photo');
            await clickAt(page, 230, 120);
            await told(page, /mask \d of 3/);
            assert.deepEqual(await violations(page), [], 'with an object');
            await page.keyboard.press('b');
            assert.deepEqual(await violations(page), [], 'painting');
            await page.keyboard.press('?');
            assert.ok(await page.isVisible('#help'));
            assert.deepEqual(await violations(page), [], 'help');
            await page.keyboard.press('Escape');
            await page.keyboard.press('s');
            await page.check('input[name=kind][value=svg]', { force: true });
            assert.deepEqual(await violations(page), [], 'export');
            assert.deepEqual(wrong, []);
            await page.context().close();
        });
    }
}

test('the keyboard alone opens a sample, clicks, boxes, chooses, names and saves', async () => {
    const { page } = await openPage(those.browser, those.server.url);
    const tabTo = async (name) => {
        for (let i = 0; i < 40; i++) {
            await page.keyboard.press('Tab');
            if (await page.evaluate((n) => (document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).toLowerCase().includes(n), name)) {
                return;
            }
        }
        assert.fail(`Tab never comes to ${name}`);
    };
    await tabTo('astronaut');
    await page.keyboard.press('Enter');
    await ready(page);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'stage');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Shift+ArrowLeft');
    await page.keyboard.press('q');
    await told(page, /Object 1, mask \d of 3/);
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('e');
    await told(page, /Object 1, score/);
    await page.keyboard.press('Enter');
    await page.keyboard.press('r');
    for (let i = 0; i < 8; i++) {
        await page.keyboard.press('ArrowRight');
        await page.keyboard.press('ArrowDown');
    }
    await page.keyboard.press('r');
    await told(page, /Object 2, score/);
    await page.keyboard.press('Shift+Tab');
    assert.notEqual(await page.evaluate(() => document.activeElement.id), 'stage', 'the stage is no trap');
    await page.focus('#stage');
    await page.keyboard.press('Delete');
    assert.equal(await page.locator('#objects li').count(), 1);
    await page.keyboard.press('s');
    const download = page.waitForEvent('download');
    await tabTo('save');
    await page.keyboard.press('Enter');
    assert.match((await download).suggestedFilename(), /cutout\.png$/);
    await page.context().close();
});

test('fingers: a tap, a long press, two that zoom', async () => {
    const { page, wrong } = await openPage(those.browser, those.server.url, { hasTouch: true, viewport: { width: 390, height: 844 } });
    await openSample(page);
    const at = await spot(page, 230, 120);
    await page.touchscreen.tap(at.x, at.y);
    await told(page, /Object 1, mask/);
    const touch = await page.context().newCDPSession(page);
    const send = (type, ...points) => touch.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
    const low = await spot(page, 300, 300);
    await send('touchStart', [low.x, low.y]);
    await told(page, /Object 1, score/);
    await send('touchEnd');
    const scale = async () => Number((await page.getAttribute('#stage', 'data-view')).split(' ')[0]);
    const before = await scale();
    await send('touchStart', [150, 300], [200, 300]);
    for (let i = 1; i <= 5; i++) {
        await send('touchMove', [150 - 10 * i, 300], [200 + 10 * i, 300]);
    }
    await send('touchEnd');
    const zoomed = await scale();
    assert.ok(zoomed / before > 2 && zoomed / before < 4.5, `${zoomed / before}`);
    assert.equal(await page.locator('#objects li').count(), 1);
    assert.deepEqual(wrong, []);
    await page.context().close();
});

test('encoding can be cancelled and tried again', async () => {
    const { page } = await openPage(those.browser, those.server.url);
    let held = true;
    await page.route('**/events', async (route) => {
        if (!held) {
            await route.continue();
        }
    });
    const cancelled = page.waitForRequest((request) => request.method() === 'DELETE' && request.url().endsWith('/encode'));
    await page.getByRole('button', { name: 'Astronaut' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await cancelled;
    held = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await ready(page);
    await page.context().close();
});

test('a server with a token asks for it once', async () => {
    const token = 'a-token-that-nobody-guesses';
    const guarded = await serve('-m', TINY, '--token', token);
    const context = await those.browser.newContext();
    const login = await context.newPage();
    await login.goto(guarded.url);
    await login.fill('#token', 'guess');
    await login.keyboard.press('Enter');
    await login.waitForSelector('#login-wrong:not([hidden])');
    assert.deepEqual(await violations(login), []);
    await login.fill('#token', token);
    await login.keyboard.press('Enter');
    await login.waitForSelector('#app:not([aria-busy])');
    await openSample(login);
    await context.close();
    guarded.stop();
});

test('a folder of photos', async () => {
    const folder = join(scratch(), 'photos');
    mkdirSync(folder);
    const names = hostileNames().map((name) => name.replace(/[/\u0000\ud800]/g, '_').slice(0, 200))
        .filter((name, i, all) => all.indexOf(name) === i).slice(0, 12);
    names.forEach((name) => copyFileSync(join(PHOTOS, 'rocket.jpg'), join(folder, `n${name}.jpg`)));
    const host = await serve('-m', TINY, folder);
    const { page, wrong } = await openPage(those.browser, host.url);
    await page.waitForFunction((count) => document.querySelectorAll('#strip img').length === count, names.length);
    await page.locator('#strip button').first().click();
    await ready(page);
    const first = await page.textContent('#photo-name');
    await page.keyboard.press('PageDown');
    await page.waitForFunction((name) => document.querySelector('#photo-name').textContent !== name, first);
    await ready(page);
    assert.deepEqual(await violations(page), []);
    assert.equal(await page.evaluate(() => globalThis.hit), undefined);
    assert.deepEqual(wrong, []);
    await page.context().close();
    host.stop();
});

test('200 hostile names of files and labels: nothing runs', async () => {
    const { page, wrong } = await openPage(those.browser, those.server.url);
    await openSample(page);
    await clickAt(page, 230, 120);
    await told(page, /Object 1/);
    const names = hostileNames();
    assert.equal(new Set(names).size, 200);
    const elements = () => page.evaluate(() => document.querySelectorAll('script, iframe, style, math, a, video, template').length);
    const before = await elements();
    for (const name of names) {
        await page.evaluate((text) => {
            const input = document.querySelector('#objects .name');
            input.value = text;
            input.dispatchEvent(new Event('input', { bubbles: true }));
        }, name);
    }
    await page.focus('#stage');
    await page.keyboard.press('s');
    await page.keyboard.press('Escape');
    assert.equal(await elements(), before);
    for (const name of names) {
        await page.evaluate(async (text) => {
            const canvas = new OffscreenCanvas(4, 3);
            canvas.getContext('2d').fillRect(0, 0, 2, 2);
            const transfer = new DataTransfer();
            transfer.items.add(new File([await canvas.convertToBlob()], text, { type: 'image/png' }));
            dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }, name);
    }
    await page.waitForFunction((name) => document.querySelector('#photo-name').textContent.includes(name),
        names.at(-1).replace('\ud800', '\ufffd').slice(1));
    await ready(page);
    assert.equal(await elements(), before);
    assert.equal(await page.evaluate(() => globalThis.hit), undefined);
    assert.deepEqual(wrong, []);
    await page.context().close();
});
