import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Messages } from '../../../src/operations/live/messages.ts';

type Answer = { readonly status: number; readonly headers: IncomingMessage['headers']; readonly body: string };

type Asked = { readonly method?: string; readonly headers?: Record<string, string> };

/** A client of the live page that is no browser, and may send any header. */
export class PageClient {
  readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  async ask(path: string, { method = 'GET', headers = {} }: Asked = {}): Promise<Answer> {
    const asked = this.#request(path, method, headers);
    const [response]: [IncomingMessage] = (await once(asked, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
  }

  /** The token of a new session. */
  async exchange(address: string): Promise<string> {
    const code = new URL(address).hash.slice(1);
    const { status, body } = await this.ask('/session', { method: 'POST', headers: bearer(code) });
    if (status !== 200) throw new Error(`${status}: ${body}`);
    return body;
  }

  async follow(session: string): Promise<Stream> {
    const asked = this.#request('/stream', 'GET', bearer(session));
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`${response.statusCode}: ${await text(response)}`);
    return new Stream(asked, response);
  }

  #request(path: string, method: string, headers: Record<string, string>): ClientRequest {
    const address = { host: '127.0.0.1', port: this.port, path };
    return request({ ...address, method, headers, agent: false }).end();
  }
}

export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

type Name = keyof Messages;
type Message = { readonly name: Name; readonly data: Messages[Name] };

/** The messages of one client. */
export class Stream implements Disposable {
  readonly #asked: ClientRequest;
  readonly #messages: AsyncGenerator<Message, void>;
  /** All that came, as it came. */
  text = '';

  constructor(asked: ClientRequest, response: IncomingMessage) {
    this.#asked = asked;
    // An end by the test.
    asked.on('error', () => {});
    this.#messages = this.#read(response);
  }

  /** The next message of this name; others are passed over. */
  async next<N extends Name>(name: N): Promise<Messages[N]> {
    for (;;) {
      const { value } = await this.#messages.next();
      if (value === undefined) throw new Error('the stream has ended');
      if (value.name === name) return value.data as Messages[N];
    }
  }

  /** All messages up to and with this one. */
  async until(name: Name): Promise<readonly Message[]> {
    const found: Message[] = [];
    for (;;) {
      const { value } = await this.#messages.next();
      if (value === undefined) throw new Error('the stream has ended');
      found.push(value);
      if (value.name === name) return found;
    }
  }

  async *#read(response: IncomingMessage): AsyncGenerator<Message, void> {
    let rest = '';
    for await (const chunk of response.setEncoding('utf8')) {
      this.text += chunk;
      const parts = (rest + chunk).split('\n\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const [, name, data = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(part) ?? [];
        if (name !== undefined) yield { name: name as Name, data: JSON.parse(data) };
      }
    }
  }

  [Symbol.dispose](): void {
    this.#asked.destroy();
  }
}
