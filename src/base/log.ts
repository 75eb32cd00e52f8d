import { fstatSync } from 'node:fs';
import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type LogFormat = 'text' | 'json';

/** Fields that may contain secret bytes. Code never logs them; their redaction is a second line of defence. */
const SECRET_FIELDS = [
  'data',
  'stringData',
  'binaryData',
  'secrets',
  'tokens',
  'token',
  'contents',
  'bytes',
  'password',
];

/**
 * Logs to stderr by default; text for systemd's journal begins with the priority instead of time and level. Errors are
 * logged without their `cause`, which may quote secrets in a parser's input.
 */
export function createLog(
  level: LogLevel,
  format: LogFormat,
  destination?: DestinationStream,
  isForJournal = destination === undefined && isJournal(process.env.JOURNAL_STREAM),
): Log {
  const redacted = SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);
  const sink = destination ?? pino.destination({ fd: 2, sync: true });
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      redact: { paths: redacted, censor: '[redacted]' },
      serializers: { err: describeError, error: describeError },
      formatters: { level: (label) => ({ level: label }) },
    },
    format === 'json' ? sink : textStream(sink, isForJournal ? journalHead : textHead),
  );
}

export const silentLog: Log = pino({ level: 'silent' });

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  return { code: 'code' in error ? error.code : error.name, message: error.message };
}

/** True if stderr is the journal's stream: `JOURNAL_STREAM` is its device and inode. */
function isJournal(stream: string | undefined): boolean {
  const { dev, ino } = fstatSync(2, { bigint: true });
  return stream === `${dev}:${ino}`;
}

type Head = (time: string, level: string) => string;

const textHead: Head = (time, level) => `${time} ${level.toUpperCase().padEnd(5)} `;

/** As in sd-daemon(3). The journal has its own times. */
const PRIORITIES: Readonly<Record<string, number>> = { error: 3, warn: 4, info: 6, debug: 7, trace: 7 };
const journalHead: Head = (_, level) => `<${PRIORITIES[level] ?? 6}>`;

/** Formats an entry as one line: time and level, message, then `key=value` pairs. */
function textStream(sink: DestinationStream, head: Head): DestinationStream {
  return {
    write(line: string): void {
      const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
      const pairs = Object.entries(rest).map(([key, value]) => {
        return ` ${key}=${typeof value === 'string' && /^\S+$/.test(value) ? value : JSON.stringify(value)}`;
      });
      sink.write(`${head(String(time), String(level))}${String(msg ?? '')}${pairs.join('')}\n`);
    },
  };
}
