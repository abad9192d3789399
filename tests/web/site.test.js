// SPDX-License-Identifier: Apache-2.0
/**
 * The folder of `make web` (SAMC_SITE) below a sub-path of a plain file server, and the server's page
 * with the decoder in the browser.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { after, before, test } from 'node:test';
import { clickAt, exported, launch, openPage, openSample, serve, spot, told } from './browser.js';

const SITE = process.env.SAMC_SITE;
const skip = SITE && existsSync(join(SITE, 'site.json')) ? false : 'there is no samc.wasm: SAMC_SITE names the folder of make web';
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.jpg': 'image/jpeg' };

let browser;
let host;
let asked;

before(async () => {
    browser = await launch();
    asked = [];
    host = createServer((request, response) => {
        const path = decodeURIComponent(new URL(request.url, 'http://x/').pathname);
        asked.push(path);
        const inside = path.startsWith('/some/where/') ? normalize(path.slice('/some/where'.length)) : '/none';
        const file = join(SITE, inside.endsWith('/') ? `${inside}index.html` : inside);
        if (!existsSync(file)) {
            response.writeHead(404).end();
            return;
        }
        response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream' });
        response.end(readFileSync(file));
    });
    await new Promise((done) => host.listen(0, '127.0.0.1', done));
});

after(async () => {
    await browser?.close();
    host?.close();
});

const requests = (page) => {
    const paths = [];
    page.on('request', (request) => paths.push(new URL(request.url()).pathname));
    return paths;
};

test('the static site encodes, decodes and exports below a sub-path', { skip }, async () => {
    const { page, wrong } = await openPage(browser, `http://127.0.0.1:${host.address().port}/some/where/`);
    page.setDefaultTimeout(120000);
    await openSample(page);
    await clickAt(page, 220, 130);
    assert.match(await told(page, /percent/), /percent/);
    const { path } = await exported(page, 'coco');
    const [found] = JSON.parse(readFileSync(path)).annotations;
    assert.ok(found.area > 500 && found.area < 512 * 512, `area ${found.area}`);
    assert.deepEqual(asked.filter((name) => !name.startsWith('/some/where/')), []);
    assert.deepEqual(wrong, []);
    await page.context().close();
});

test('everything can be cancelled there, and a prompt is answered after it', { skip }, async () => {
    const { page, wrong } = await openPage(browser, `http://127.0.0.1:${host.address().port}/some/where/`);
    page.setDefaultTimeout(120000);
    await openSample(page);
    await page.keyboard.press('a');
    await page.waitForSelector('#working:not([hidden])');
    await page.keyboard.press('Escape');
    await page.waitForSelector('#working', { state: 'hidden' });
    await clickAt(page, 220, 130);
    assert.match(await told(page, /percent/), /percent/);
    assert.deepEqual(wrong, []);
    await page.context().close();
});

test('the page of samc serve decodes here: no prompt goes to the server', { skip }, async () => {
    const server = await serve();
    try {
        const { page, wrong } = await openPage(browser, server.url);
        const paths = requests(page);
        await openSample(page);
        const over = await spot(page, 220, 130);
        await page.mouse.move(over.x, over.y);
        await clickAt(page, 220, 130);
        await told(page, /percent/);
        assert.ok(paths.some((path) => path.endsWith('/embedding')), 'the embedding was fetched');
        assert.deepEqual(paths.filter((path) => path.endsWith('/predict')), []);
        assert.deepEqual(wrong, []);
        await page.context().close();
    } finally {
        server.stop();
    }
});
