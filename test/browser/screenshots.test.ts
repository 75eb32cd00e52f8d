import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasChromium } from '../../scripts/prerequisites.mjs';
import { PHONE, startBrowser, Tab } from '../support/browser/browser.ts';
import { furnish, PageScene } from '../support/browser/page-scene.ts';
import { TOP } from '../support/suite/compiled.ts';

const DIRECTORY = join(TOP, 'docs/images');
/** They would make each clone larger. */
const MAX_BYTES = 200_000;
const WINDOW = { width: 1180, height: 660 };

/** `npm run screenshots` replaces them; a test run only looks whether they can be made, and have the same size. */
const isAsked = process.env.LANTERN_TEST_SCREENSHOTS === '1';

describe.runIf(hasChromium())("the screenshots in docs (needs Debian's chromium)", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await startBrowser();
  });

  afterAll(async () => {
    await browser.close();
  });

  test.each([
    ['page-light.png', 'light', WINDOW],
    ['page-dark.png', 'dark', WINDOW],
    ['page-phone.png', 'light', PHONE],
  ] as const)('%s', async (name, colorScheme, viewport) => {
    await using scene = await PageScene.start();
    furnish(scene);
    await using tab = await Tab.open(browser, { colorScheme, viewport });
    await tab.page.goto(scene.page.newAddress());
    await tab.page.getByText('checkout-tls').first().waitFor();
    const shot = await tab.page.screenshot();
    mkdirSync(DIRECTORY, { recursive: true });
    if (isAsked) writeFileSync(join(DIRECTORY, name), shot);
    const kept = readFileSync(join(DIRECTORY, name));
    expect([shot.length, kept.length].map((bytes) => bytes < MAX_BYTES)).toEqual([true, true]);
    // Width and height of a PNG.
    expect(kept.subarray(16, 24)).toEqual(shot.subarray(16, 24));
  });
});
