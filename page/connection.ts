import type { Messages } from '../src/operations/live/messages.ts';

export type Reader = { readonly [Name in keyof Messages]: (data: Messages[Name]) => void };

export type Contact =
  | { readonly kind: 'live' }
  | { readonly kind: 'lost'; readonly reason: string }
  /** Only a new address helps. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Of this tab. Gone with it, and worth nothing after the daemon's end. */
const SESSION = 'lantern-session';
/** Milliseconds; the daemon says something every fifteen seconds. */
const SILENCE_MS = 45_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 8_000;

/** Follows the daemon's stream, and begins again after a loss until the session is refused. */
export async function follow(reader: Reader, onContact: (contact: Contact) => void): Promise<void> {
  const problem = await exchangeCode();
  const session = sessionStorage.getItem(SESSION);
  if (session === null) return onContact({ kind: 'refused', reason: problem ?? 'It has no session in this tab.' });
  for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, MAX_RETRY_MS)) {
    try {
      const refusal = await readStream(session, reader, () => {
        retryMs = FIRST_RETRY_MS;
        onContact({ kind: 'live' });
      });
      if (refusal?.status === 401) {
        sessionStorage.removeItem(SESSION);
        return onContact({ kind: 'refused', reason: 'The daemon was started again, or the session is over.' });
      }
      onContact({ kind: 'lost', reason: refusal?.reason ?? 'the daemon ended the connection' });
    } catch {
      onContact({ kind: 'lost', reason: 'the daemon cannot be reached' });
    }
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}

/** The fragment is a code that can be exchanged once. It leaves the address at once. Returns a problem. */
async function exchangeCode(): Promise<string | undefined> {
  const code = location.hash.slice(1);
  if (code === '') return undefined;
  history.replaceState(null, '', location.pathname);
  try {
    const response = await fetch('session', { method: 'POST', headers: { authorization: `Bearer ${code}` } });
    const text = await response.text();
    if (response.ok) sessionStorage.setItem(SESSION, text);
    return response.ok ? undefined : text;
  } catch {
    return 'The daemon cannot be reached.';
  }
}

/** Resolves when the stream ends, with the reason if it did not begin. */
async function readStream(
  session: string,
  reader: Reader,
  onBegin: () => void,
): Promise<{ readonly status: number; readonly reason: string } | undefined> {
  const silence = new AbortController();
  const timely = async <T>(coming: Promise<T>): Promise<T> => {
    const timer = setTimeout(() => silence.abort(), SILENCE_MS);
    return await coming.finally(() => clearTimeout(timer));
  };
  const headers = { authorization: `Bearer ${session}` };
  const response = await timely(fetch('stream', { headers, signal: silence.signal }));
  if (!response.ok || response.body === null) return { status: response.status, reason: await response.text() };
  onBegin();
  const decoder = new TextDecoder();
  const bytes = response.body.getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await timely(bytes.read());
    if (done) return undefined;
    const parts = (rest + decoder.decode(value, { stream: true })).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) deliver(part, reader);
  }
}

/** One server-sent event, as the daemon writes it. */
function deliver(text: string, reader: Reader): void {
  const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(text) ?? [];
  if (name === undefined || data === undefined || !Object.hasOwn(reader, name)) return;
  (reader[name as keyof Messages] as (data: unknown) => void)(JSON.parse(data));
}
