import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { CHROMIUM } from '../../../scripts/prerequisites.mjs';

export const DESKTOP = { width: 1280, height: 800 };
export const TABLET = { width: 900, height: 700 };
export const PHONE = { width: 390, height: 844 };

/** Headless. Its sandbox needs what root and containers lack, and it sees nothing but this checkout's page. */
export async function startBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
}

/** A tab, and all that it asked, was told and complained about. */
export class Tab implements AsyncDisposable {
  readonly page: Page;
  /** Console messages and uncaught errors, which a working page has none of. */
  readonly complaints: string[] = [];
  /** Every request and answer with its headers, and what came over the stream. */
  readonly traffic: string[] = [];
  #isForgiven = false;

  private constructor(page: Page) {
    this.page = page;
    page.on('console', (message) => this.#complain(message.text()));
    page.on('pageerror', (error) => this.#complain(error.message));
    page.on('request', (request) => {
      this.traffic.push(`${request.method()} ${request.url()} ${JSON.stringify(request.headers())}`);
    });
    page.on('response', (response) => {
      this.traffic.push(`${response.status()} ${response.url()} ${JSON.stringify(response.headers())}`);
    });
  }

  static async open(browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
    const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', viewport: DESKTOP, ...options });
    const tab = new Tab(await context.newPage());
    await tab.#recordStream();
    return tab;
  }

  /** Its complaints are as they should be, also those that are still to come. */
  forgive(): void {
    this.#isForgiven = true;
    this.complaints.length = 0;
  }

  #complain(text: string): void {
    if (!this.#isForgiven) this.complaints.push(text);
  }

  /** Playwright shows the body of an answer only at its end. */
  async #recordStream(): Promise<void> {
    const session = await this.page.context().newCDPSession(this.page);
    session.on('Network.responseReceived', async ({ requestId, response }) => {
      if (!response.url.endsWith('/stream')) return;
      // The tab may be closed meanwhile.
      const first = await session.send('Network.streamResourceContent', { requestId }).catch(() => undefined);
      this.traffic.push(Buffer.from(first?.bufferedData ?? '', 'base64').toString());
    });
    session.on('Network.dataReceived', ({ data }) => {
      if (data !== undefined) this.traffic.push(Buffer.from(data, 'base64').toString());
    });
    await session.send('Network.enable');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }
}
