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

/** Logs to stderr by default. Errors are logged without their `cause`, which may quote secrets in a parser's input. */
export function createLog(level: LogLevel, format: LogFormat, destination?: DestinationStream): Log {
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
    format === 'json' ? sink : textStream(sink),
  );
}

export const silentLog: Log = pino({ level: 'silent' });

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  return { code: 'code' in error ? error.code : error.name, message: error.message };
}

/** Formats an entry as one line: time, level, message, then `key=value` pairs. */
function textStream(sink: DestinationStream): DestinationStream {
  return {
    write(line: string): void {
      const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
      const pairs = Object.entries(rest).map(([key, value]) => {
        return ` ${key}=${typeof value === 'string' && /^\S+$/.test(value) ? value : JSON.stringify(value)}`;
      });
      sink.write(`${String(time)} ${String(level).toUpperCase().padEnd(5)} ${String(msg ?? '')}${pairs.join('')}\n`);
    },
  };
}
