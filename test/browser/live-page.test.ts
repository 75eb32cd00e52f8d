import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasChromium } from '../../scripts/prerequisites.mjs';
import { DESKTOP, PHONE, startBrowser, TABLET, Tab } from '../support/browser/browser.ts';
import { PageClient } from '../support/browser/page-client.ts';
import { furnish, PageScene, publicationAt } from '../support/browser/page-scene.ts';
import { freePort } from '../support/host/process.ts';
import { DaemonHarness } from '../support/projection/daemon-harness.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The faults that axe finds in what is shown. Its source is evaluated: the page's policy admits no other script. */
async function faultsIn({ page }: Tab): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate("axe.run().then((r) => r.violations.map((v) => v.id + ': ' + v.nodes[0].html))");
  return found as string[];
}

describe.runIf(hasChromium())("the live page (needs Debian's chromium)", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await startBrowser();
  });

  afterAll(async () => {
    await browser.close();
  });

  const row = ({ page }: Tab, name: string) => page.getByRole('row').filter({ hasText: name });
  const colourOf = (shown: Locator) =>
    shown.evaluate((element) => element.ownerDocument.defaultView.getComputedStyle(element).color);

  describe('of a made-up daemon', () => {
    let scene: PageScene;
    const tabs: Tab[] = [];

    beforeEach(async () => {
      scene = await PageScene.start();
    });

    afterEach(async () => {
      const complaints = tabs.flatMap((tab) => tab.complaints);
      for (const tab of tabs.splice(0)) await tab[Symbol.asyncDispose]();
      await scene[Symbol.asyncDispose]();
      expect(complaints).toEqual([]);
    });

    async function open(options?: BrowserContextOptions): Promise<Tab> {
      const tab = await Tab.open(browser, options);
      tabs.push(tab);
      await tab.page.goto(scene.page.newAddress());
      await tab.page.getByText('live', { exact: true }).waitFor();
      return tab;
    }

    test('shows a swap without a reload', async () => {
      scene.put('api-keys');
      const tab = await open();
      await tab.page.evaluate('window.isSame = true');
      await row(tab, 'api-keys').getByRole('img', { name: '0 swaps in the last hour' }).waitFor();
      scene.swap('api-keys');
      await row(tab, 'api-keys').getByRole('img', { name: '1 swap in the last hour' }).waitFor();
      await tab.page.getByRole('list', { name: 'Events' }).getByText('Updated', { exact: true }).waitFor();
      scene.put('another');
      scene.happen('another', { type: 'mounted', target: '/srv/another' });
      await row(tab, 'another').waitFor();
      scene.remove('api-keys');
      await row(tab, 'api-keys').waitFor({ state: 'hidden' });
      expect(await tab.page.evaluate('window.isSame')).toBe(true);
    });

    test('a stale volume turns red, goes to the top, and back', async () => {
      for (const name of ['a-keys', 'b-keys', 'c-keys']) scene.put(name);
      const tab = await open();
      const state = row(tab, 'c-keys').locator('.state');
      await state.getByText('ready').waitFor();
      const [green, red] = [await colourOf(state), 'rgb(180, 35, 24)'];
      scene.fail('c-keys', 'Secret shop/c-keys does not exist');
      await state.getByText('stale').waitFor();
      await row(tab, 'c-keys').getByText('Secret shop/c-keys does not exist').waitFor();
      expect([await colourOf(state), green]).toEqual([red, 'rgb(23, 113, 63)']);
      expect(await row(tab, 'c-keys').getAttribute('aria-rowindex')).toBe('2');
      await tab.page.getByText('1 stale', { exact: true }).waitFor();
      scene.recover('c-keys');
      await state.getByText('ready').waitFor();
      expect(await colourOf(state)).toBe(green);
      expect(await row(tab, 'c-keys').getAttribute('aria-rowindex')).toBe('4');
    });

    test('says when the store is out of touch, and when the daemon is', async () => {
      const tab = await open();
      scene.contact = { lostSince: Date.now() - 65_000, problem: 'no endpoint answers' };
      await tab.page.getByText('out of touch for 1m: no endpoint answers').waitFor();
      await scene[Symbol.asyncDispose]();
      await tab.page.getByText('trying again: the daemon cannot be reached').waitFor();
      // The browser reports it, too.
      tab.forgive();
    });

    test('shows nothing but the gate when its session is over', async () => {
      scene.put('api-keys');
      const tab = await open();
      await row(tab, 'api-keys').click();
      const dialog = tab.page.getByRole('dialog', { name: 'api-keys' });
      await dialog.waitFor();
      const address = `127.0.0.1:${scene.page.port}`;
      await scene[Symbol.asyncDispose]();
      scene = await PageScene.start({ address });
      await tab.page.getByText('The daemon was started again, or the session is over.').waitFor();
      expect([await dialog.isVisible(), await row(tab, 'api-keys').isVisible()]).toEqual([false, false]);
      // The browser reports the loss and the refusal, too.
      tab.forgive();
    });

    test('tries again when no answer comes at all, as through a broken tunnel', async () => {
      const tab = await Tab.open(browser);
      tabs.push(tab);
      await tab.page.clock.install();
      await tab.page.route('**/stream', () => {});
      const asked = tab.page.waitForRequest('**/stream');
      await tab.page.goto(scene.page.newAddress());
      await asked;
      await tab.page.clock.fastForward(45_000);
      await tab.page.getByText('trying again: the daemon cannot be reached').waitFor();
    });

    test('is used with the keyboard alone', async () => {
      furnish(scene);
      const tab = await open();
      const { keyboard } = tab.page;
      const focused = () => tab.page.evaluate('document.activeElement.id');
      await row(tab, 'checkout-tls').waitFor();
      await keyboard.press('/');
      await keyboard.type('checkout secret');
      await tab.page.getByText('2 volumes found').waitFor();
      await keyboard.press('ArrowDown');
      await keyboard.press('ArrowDown');
      expect(await focused()).toBe('grid');
      await keyboard.press('Enter');
      const dialog = tab.page.getByRole('dialog', { name: 'checkout-tls' });
      await dialog.getByText('/srv/checkout/tls').waitFor();
      await keyboard.press('Escape');
      await dialog.waitFor({ state: 'hidden' });
      expect(await focused()).toBe('grid');
      await keyboard.press('Escape');
      await row(tab, 'gateway-tls').waitFor();
      await keyboard.press('End');
      const active = await tab.page.locator('#grid').getAttribute('aria-activedescendant');
      expect(await tab.page.locator(`#${active}`).getAttribute('aria-rowindex')).toBe('25');
      expect(await tab.page.locator(`#${active}`).isVisible()).toBe(true);
    });

    test('finds by every word, and by state', async () => {
      furnish(scene);
      const tab = await open();
      await tab.page.getByRole('searchbox').fill('SECRET payments');
      await tab.page.getByText('2 volumes found').waitFor();
      await tab.page.getByRole('button', { name: 'stale 1' }).click();
      await tab.page.getByText('1 volume found').waitFor();
      await tab.page.getByRole('searchbox').fill('nothing of the kind');
      await tab.page.getByText('No volume fits. Escape clears the search.').waitFor();
      await tab.page.getByText('No events.').waitFor();
    });

    test('shows names as text, whatever is in them', async () => {
      const name = '<img src=x onerror="window.broken = true">';
      scene.put(name, {
        objects: [{ kind: 'Secret', name, revision: 1 }],
        publications: [publicationAt(`/srv/${name}`)],
      });
      scene.fail(name, name);
      const tab = await open();
      await row(tab, name).click();
      await tab.page.getByRole('dialog', { name }).waitFor();
      expect(await tab.page.evaluate('[window.broken, document.querySelectorAll("img").length]')).toEqual([
        undefined,
        1,
      ]);
    });

    test('stays quick with 10,000 volumes', async () => {
      const names = Array.from({ length: 10_000 }, (_, nth) => `volume-${String(nth).padStart(5, '0')}`);
      for (const name of names) scene.put(name);
      const begin = performance.now();
      const tab = await open();
      await tab.page.getByRole('grid').and(tab.page.locator('[aria-rowcount="10001"]')).waitFor();
      const listed = performance.now();
      await tab.page.getByRole('searchbox').fill('volume-07777');
      await tab.page.getByText('1 volume found').waitFor();
      scene.fail('volume-07777', 'Secret shop/x does not exist');
      await row(tab, 'volume-07777').getByText('stale').waitFor();
      await tab.page.getByRole('searchbox').fill('');
      await tab.page.locator('#grid').focus();
      await tab.page.keyboard.press('End');
      await row(tab, 'volume-09999').waitFor();
      const end = performance.now();
      expect(await tab.page.evaluate('document.querySelectorAll("*").length')).toBeLessThan(2_500);
      // Some hundred milliseconds each, on a machine that does nothing else.
      expect([listed - begin, end - listed].map((ms) => ms < 15_000)).toEqual([true, true]);
      // All at once, while somebody looks.
      for (const name of names) scene.swap(name);
      await row(tab, 'volume-09999').getByRole('img', { name: '1 swap in the last hour' }).waitFor();
    });

    test('another tab needs an address of its own; a reload does not', async () => {
      scene.put('api-keys');
      const tab = await open();
      expect(tab.page.url()).toBe(`http://127.0.0.1:${scene.page.port}/`);
      await tab.page.reload();
      await row(tab, 'api-keys').waitFor();
      const other = await tab.page.context().newPage();
      await other.goto(tab.page.url());
      await other.getByText('This page is for its owner').waitFor();
      expect(await other.content()).not.toContain('api-keys');
    });

    test('a used address says what to do, and another one helps', async () => {
      const address = scene.page.newAddress();
      const client = new PageClient(scene.page.port);
      await client.exchange(address);
      const tab = await Tab.open(browser);
      tabs.push(tab);
      await tab.page.goto(address);
      await tab.page.getByText('this address was used before, or is too old').waitFor();
      await tab.page.goto(scene.page.newAddress());
      await tab.page.getByText('No volume is mounted here yet.').waitFor();
      // The browser reports the refusal, too.
      tab.forgive();
    });

    test.each([
      ['light', 'a desktop', DESKTOP],
      ['dark', 'a desktop', DESKTOP],
      ['light', 'a tablet', TABLET],
      ['light', 'a phone', PHONE],
      ['dark', 'a phone', PHONE],
    ] as const)('axe finds no fault: %s, on %s', async (colorScheme, _, viewport) => {
      const tab = await open({ colorScheme, viewport });
      await tab.page.getByText('No volume is mounted here yet.').waitFor();
      expect(await faultsIn(tab)).toEqual([]);
      furnish(scene);
      await row(tab, 'payments-credentials').getByText('stale').waitFor();
      await tab.page.locator('#grid').focus();
      expect(await faultsIn(tab)).toEqual([]);
      const cut =
        '[document.documentElement, document.getElementById("grid")].map((e) => e.scrollWidth - e.clientWidth)';
      expect(await tab.page.evaluate(cut)).toEqual([0, 0]);
      await row(tab, 'reports-settings').click();
      await tab.page.getByRole('dialog').getByText('degraded').waitFor();
      expect(await faultsIn(tab)).toEqual([]);
      await tab.page.evaluate('sessionStorage.clear()');
      await tab.page.reload();
      await tab.page.getByText('This page is for its owner').waitFor();
      expect(await faultsIn(tab)).toEqual([]);
    });
  });

  test('of a real daemon has no value and no token in the document, and no value in the traffic', async () => {
    const planted = ['pl4nted-one', 'pl4nted-two'];
    const port = await freePort();
    await using harness = await DaemonHarness.start({ publisher: 'direct', pageAddress: `127.0.0.1:${port}` });
    await harness.applySecret('keys', { password: planted[0] ?? '' });
    const { projector, page } = harness.client;
    const definition = { source: { secret: { secretName: 'keys' } } };
    await projector.mount({ volumeId: 'keys', targetPath: harness.target('keys'), definition });
    await using tab = await Tab.open(browser);
    const { url } = await page.open({});
    await tab.page.goto(url);
    await row(tab, 'keys').waitFor();
    await harness.applySecret('keys', { password: planted[1] ?? '' });
    await row(tab, 'keys').getByRole('img', { name: '1 swap in the last hour' }).waitFor();
    await row(tab, 'keys').click();
    await tab.page.getByRole('dialog').getByText('Secret/keys').waitFor();

    const traffic = tab.traffic.join('\n');
    expect(traffic).toContain('"id":"keys"');
    const session = String(await tab.page.evaluate("sessionStorage.getItem('lantern-session')"));
    const values = [...planted, ...planted.map((value) => Buffer.from(value).toString('base64'))];
    const document = await tab.page.content();
    expect([...values, session, new URL(url).hash.slice(1)].filter((secret) => document.includes(secret))).toEqual([]);
    expect(values.filter((secret) => traffic.includes(secret))).toEqual([]);
    expect(tab.traffic.filter((line) => / http:\/\/(?!127\.0\.0\.1:)/.test(line))).toEqual([]);
    expect(tab.complaints).toEqual([]);
  });
});
