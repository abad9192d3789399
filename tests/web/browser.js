// SPDX-License-Identifier: Apache-2.0
/** What the browser tests share: a server of their own, a page, and what is done on it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before } from 'node:test';

const root = resolve(import.meta.dirname, '../..');
const need = createRequire(join(process.env.SAMC_WEB_MODULES ?? join(root, 'build/test-web'), 'package.json'));
const { chromium } = need('playwright-core');
const { AxeBuilder } = need('@axe-core/playwright');

export const SAMC = process.env.SAMC_BINARY ?? join(root, 'build/release/cli/samc');
export const PHOTOS = join(root, 'docs/photos');
export const TINY = join(root, 'tests/golden/tiny.pth');

/** @param {string[]} words after `samc serve --port 0` @returns {Promise<{url: string, stop: () => void}>} */
export async function serve(...words) {
    const child = spawn(SAMC, ['serve', '--port', '0', ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    const url = await new Promise((done, fail) => {
        let said = '';
        child.stdout.on('data', (data) => {
            said += data;
            const found = said.match(/http:\S+/);
            if (found) {
                done(found[0]);
            }
        });
        child.on('exit', (code) => fail(new Error(`samc serve ended with ${code}`)));
    });
    while (!(await fetch(`${url}health`)).ok) {
        await new Promise((done) => setTimeout(done, 50));
    }
    return { url, stop: () => child.kill() };
}

/** Root needs --no-sandbox; nothing but our own page is opened. */
export const launch = () => chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
});

/** A folder that goes with the process. */
export function scratch() {
    const folder = mkdtempSync(join(tmpdir(), 'samc-web-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    return folder;
}

/**
 * A page that must not complain: errors, refused inline code and dialogs are kept in `wrong`.
 *
 * @returns {Promise<{page: import('playwright-core').Page, wrong: string[]}>}
 */
export async function openPage(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const page = await context.newPage();
    page.setDefaultTimeout(30000);
    const wrong = [];
    page.on('pageerror', (error) => wrong.push(String(error)));
    page.on('dialog', (dialog) => {
        wrong.push(`dialog ${dialog.message()}`);
        dialog.dismiss();
    });
    page.on('console', (message) => {
        if (/Content Security Policy/i.test(message.text())) {
            wrong.push(message.text());
        }
    });
    await page.goto(url);
    await page.waitForSelector('#app:not([aria-busy])');
    return { page, wrong };
}

/** Opens one of the samples and waits until it can be clicked. */
export async function openSample(page, name = 'Astronaut') {
    await page.getByRole('button', { name }).first().click();
    await ready(page);
}

export const ready = (page) => page.waitForSelector('#hint:not([hidden])');

/** Where a point of the photo, in its pixels, lies on the screen. */
export async function spot(page, px, py) {
    return page.evaluate(([u, v]) => {
        const stage = document.querySelector('#stage');
        const { left, top } = stage.getBoundingClientRect();
        const [scale, x, y] = stage.dataset.view.split(' ').map(Number);
        return { x: left + x + u * scale, y: top + y + v * scale };
    }, [px, py]);
}

export async function clickAt(page, x, y, options) {
    const at = await spot(page, x, y);
    await page.mouse.click(at.x, at.y, options);
}

export async function drag(page, from, to) {
    const [a, b] = [await spot(page, ...from), await spot(page, ...to)];
    await page.mouse.move(a.x, a.y);
    await page.mouse.down();
    await page.mouse.move((a.x + b.x) / 2, (a.y + b.y) / 2, { steps: 4 });
    await page.mouse.move(b.x, b.y, { steps: 4 });
    await page.mouse.up();
}

/** What is told of the active mask, once it says what the pattern asks. */
export async function told(page, pattern) {
    await page.waitForFunction((source) => new RegExp(source).test(document.querySelector('#status').textContent),
        pattern.source);
    return page.textContent('#status');
}

/** Downloads what the dialog's Save gives. @returns {Promise<{name: string, path: string}>} */
export async function exported(page, kind, scope) {
    await page.keyboard.press('s');
    if (scope) {
        await page.check(`input[name=scope][value=${scope}]`, { force: true });
    }
    await page.check(`input[name=kind][value=${kind}]`, { force: true });
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#export-save')]);
    return { name: download.suggestedFilename(), path: await download.path() };
}

/** @returns {Promise<string[]>} what axe finds, a line each */
export async function violations(page) {
    const { violations: found } = await new AxeBuilder({ page }).analyze();
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}

/** Starts browser and server before the tests of a file, and ends them behind. @param {...string} words of samc serve */
export function withServer(...words) {
    const those = { browser: null, server: null };
    before(async () => {
        those.server = await serve(...words);
        those.browser = await launch();
    });
    after(async () => {
        await those.browser?.close();
        those.server?.stop();
    });
    return those;
}
