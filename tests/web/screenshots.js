// SPDX-License-Identifier: Apache-2.0
/**
 * Pictures of the page, to be looked at: node tests/web/screenshots.js FOLDER [png|jpg]. Three sizes, light and dark; two of
 * them (laptop_light_objects, laptop_dark_everything) are docs/images/page_*.jpg.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { clickAt, drag, launch, openPage, openSample, serve, spot, told } from './browser.js';

const folder = process.argv[2] ?? 'build/screenshots';
const type = process.argv[3] ?? 'png';
const SIZES = [['phone', 390, 844], ['laptop', 1280, 800], ['large', 1920, 1080]];

mkdirSync(folder, { recursive: true });
const server = await serve();
const browser = await launch();
process.on('exit', server.stop);
process.on('uncaughtException', (error) => {
    console.error(error);
    process.exit(1);
});
for (const [size, width, height] of SIZES) {
    for (const colorScheme of ['light', 'dark']) {
        const { page } = await openPage(browser, server.url, { viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
        const shoot = async (what) => {
            await page.waitForTimeout(150); // what was announced is drawn
            const path = join(folder, `${size}_${colorScheme}_${what}.${type}`);
            await page.screenshot({ path, ...(type === 'jpg' ? { quality: 85 } : {}) });
        };
        await page.waitForFunction(() => [...document.images].every((image) => image.complete));
        await shoot('empty');
        await openSample(page);
        await drag(page, [165, 20], [300, 200]);
        await told(page, /Object 1, score/);
        await page.locator('.name').first().fill('Head');
        await page.focus('#stage');
        await page.keyboard.press('Enter');
        await clickAt(page, 430, 60);
        await told(page, /Object 2, mask/);
        await page.locator('.name').nth(1).fill('Shuttle');
        await page.focus('#stage');
        await page.keyboard.press('Enter');
        await drag(page, [2, 205], [372, 510]);
        await told(page, /Object 3, score/);
        await page.locator('.name').nth(2).fill('Suit');
        await page.focus('#stage');
        await shoot('objects');
        await page.keyboard.press('s');
        await page.check('input[name=kind][value=svg]', { force: true });
        await page.waitForSelector('#export-preview path');
        await shoot('export');
        await page.keyboard.press('Escape');
        await page.keyboard.press('?');
        await shoot('help');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Enter');
        await page.keyboard.press('a');
        await told(page, /\d+ masks/);
        const at = await spot(page, 100, 350);
        await page.mouse.move(at.x, at.y);
        await shoot('everything');
        await page.keyboard.press('Escape');
        await page.keyboard.press('b');
        await drag(page, [360, 330], [420, 420]);
        await shoot('brush');
        await page.context().close();
    }
}
await browser.close();
server.stop();
