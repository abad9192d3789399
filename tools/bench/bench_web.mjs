// SPDX-License-Identifier: Apache-2.0
// What the page's user waits for, in Chromium: node bench_web.mjs SITE [DECODER EMBEDDING]. SITE is
// the folder of `make web`, with the model that it holds; DECODER and EMBEDDING (of `samc convert
// --part decoder` and `samc embed`) are of another model whose decoder is timed too. Prints
// milliseconds: encode, first mask, hover (median, 95th percentile of 60).
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join, normalize } from 'node:path';

const require = createRequire(join(process.env.SAMC_WEB_MODULES, 'package.json'));
const { chromium } = require('playwright-core');
const [site, decoder, embedding] = process.argv.slice(2);
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml',
    '.json': 'application/json', '.jpg': 'image/jpeg', '.wasm': 'application/wasm' };

const server = createServer((request, response) => {
    const name = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    const path = name === '/extra/decoder' ? decoder : name === '/extra/embedding' ? embedding
        : join(site, name === '/' ? 'index.html' : name);
    try {
        statSync(path);
        response.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream' });
        createReadStream(path).pipe(response);
    } catch {
        response.writeHead(404).end();
    }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({ executablePath: process.env.SAMC_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox'] });

/** Runs in the page: times one engine. */
async function measure({ model, embedding, sample }) {
    const { WorkerEngine } = await import('./engine.js');
    const engine = new WorkerEngine();
    const bytes = async (url) => (await fetch(url)).arrayBuffer();
    await engine.loadModel(await bytes(model));
    const times = {};
    let size;
    if (embedding) {
        size = await engine.setEmbedding(await bytes(embedding));
    } else {
        const bitmap = await createImageBitmap(await (await fetch(sample)).blob());
        const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
        context.drawImage(bitmap, 0, 0);
        size = { width: bitmap.width, height: bitmap.height };
        const runs = [];
        for (let i = 0; i < 3; i++) {
            const begin = performance.now();
            await engine.encode(context.getImageData(0, 0, bitmap.width, bitmap.height));
            runs.push(performance.now() - begin);
        }
        times.encode = Math.min(...runs);
    }
    const ask = async (i) => {
        const begin = performance.now();
        const { milliseconds } = await engine.hover({ points: [[size.width * (0.2 + 0.01 * i), size.height / 2, 1]],
            box: null, lowRes: null, multimask: true, raster: null });
        return [performance.now() - begin, milliseconds];
    };
    times.first = (await ask(0))[0];
    const hovers = [];
    for (let i = 0; i < 60; i++) {
        hovers.push(await ask(i));
    }
    const sorted = (k) => hovers.map((hover) => hover[k]).sort((a, b) => a - b);
    times.hover = sorted(0)[30];
    times.hover95 = sorted(0)[57];
    times.inWorker = sorted(1)[30];
    engine.close();
    return times;
}

function say(what, t) {
    const encode = t.encode === undefined ? '' : `encode ${t.encode.toFixed(0)} ms, `;
    console.log(`${what}: ${encode}first mask ${t.first.toFixed(1)} ms, hover median ${t.hover.toFixed(1)} ms ` +
        `(in the worker ${t.inWorker.toFixed(1)} ms), 95% ${t.hover95.toFixed(1)} ms`);
}

try {
    const page = await browser.newPage();
    await page.goto(origin);
    const { size } = statSync(join(site, 'samc.wasm'));
    console.log(`samc.wasm: ${size} bytes; Chromium ${browser.version()}`);
    say('shipped model', await page.evaluate(measure,
        { model: 'samc-default.safetensors', sample: 'samples/astronaut.jpg' }));
    if (decoder) {
        say('that decoder', await page.evaluate(measure, { model: 'extra/decoder', embedding: 'extra/embedding' }));
    }
} finally {
    await browser.close();
    server.close();
}
