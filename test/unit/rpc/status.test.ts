import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, invalid, LanternError } from '../../../src/base/errors.ts';
import { messageType } from '../../../src/rpc/protos.ts';
import { fromServiceError, statusOf } from '../../../src/rpc/status.ts';

const MOUNT = '/lantern.v1.Projector/Mount';
const PUBLISH = '/csi.v1.Node/NodePublishVolume';

const CODES: Readonly<Record<ErrorCode, status>> = {
  'invalid-argument': status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  'already-exists': status.ALREADY_EXISTS,
  'failed-precondition': status.FAILED_PRECONDITION,
  'resource-exhausted': status.RESOURCE_EXHAUSTED,
  'permission-denied': status.PERMISSION_DENIED,
  aborted: status.ABORTED,
  cancelled: status.CANCELLED,
  'deadline-exceeded': status.DEADLINE_EXCEEDED,
  unavailable: status.UNAVAILABLE,
  'out-of-range': status.OUT_OF_RANGE,
  unimplemented: status.UNIMPLEMENTED,
  'data-loss': status.DATA_LOSS,
  internal: status.INTERNAL,
};

function decode(name: string, bytes: Buffer): Record<string, unknown> {
  return messageType(name).deserialize(bytes) as Record<string, unknown>;
}

type Details = { code: number; message: string; parts: Map<string, Record<string, unknown>> };

function detailsOf(error: unknown, method = MOUNT): Details | undefined {
  const [bytes] = statusOf(error, method).metadata?.get('grpc-status-details-bin') ?? [];
  if (bytes === undefined) return undefined;
  const { code, message, details } = decode('google.rpc.Status', Buffer.from(bytes)) as {
    code: number;
    message: string;
    details: { type_url: string; value: Buffer }[];
  };
  const parts = details.map(({ type_url: typeUrl, value }) => {
    const name = typeUrl.replace('type.googleapis.com/', '');
    return [name, decode(name, value)] as const;
  });
  return { code, message, parts: new Map(parts) };
}

/** The bytes of headers that an answer costs. */
function sizeOnTheWire(error: unknown): number {
  const { details = '', metadata = new Metadata() } = statusOf(error, MOUNT);
  const [bytes = ''] = metadata.get('grpc-status-details-bin');
  return encodeURI(details).length + Buffer.from(bytes).toString('base64').length;
}

const thousandFaults = invalid(
  Array.from({ length: 1000 }, (_, index) => ({
    field: `data[${'ä'.repeat(20)}${index}]`,
    message: 'must be ☂ a name',
  })),
);

describe('a status', () => {
  it.each(Object.entries(CODES))('of %s is one gRPC code, and the client has the same again', (code, number) => {
    const error = new LanternError(code as ErrorCode, 'what was tried');
    const sent = statusOf(error, MOUNT);
    expect(sent).toMatchObject({ code: number, details: 'what was tried' });
    const metadata = new Metadata();
    const received = Object.assign(new Error('raw'), { code: number, details: 'what was tried', metadata });
    expect(fromServiceError(received)).toMatchObject({ code, message: 'what was tried' });
  });

  it.each([
    [new DOMException('x', 'AbortError'), status.CANCELLED],
    [new DOMException('x', 'TimeoutError'), status.DEADLINE_EXCEEDED],
    [Object.assign(new Error('x'), { code: 'ENOSPC' }), status.RESOURCE_EXHAUSTED],
    [new SyntaxError('x'), status.INTERNAL],
    ['x', status.INTERNAL],
  ])('of a foreign error says what was called and nothing that the error says: %s', (error, code) => {
    const sent = statusOf(error, MOUNT);
    expect(sent.code).toBe(code);
    expect(sent.details).toContain(MOUNT);
    expect(sent.details).not.toMatch(/\bx\b/);
  });

  it('never shows a cause', () => {
    const error = new LanternError('internal', 'read it', { cause: new Error('hunter2') });
    expect(JSON.stringify(statusOf(error, MOUNT))).not.toContain('hunter2');
  });

  it('can be encoded whatever is in the message', () => {
    // Half of a surrogate pair makes encodeURI throw, outside of any handler: the process would end.
    const error = invalid([{ field: 'spec.\ud800', message: 'unknown field' }]);
    const { details = '' } = statusOf(error, MOUNT);
    expect(decodeURI(encodeURI(details))).toBe('spec.\ufffd: unknown field');
    expect(detailsOf(error)?.parts.get('google.rpc.BadRequest')).toMatchObject({
      fieldViolations: [{ field: 'spec.\ufffd' }],
    });
  });
});

describe('error details', () => {
  it('of lantern.v1 list every fault and the reason', () => {
    const faults = [
      { field: 'volume_id', message: 'is required' },
      { field: 'data[a b]', message: 'no key' },
    ];
    const error = new LanternError('failed-precondition', 'all of it', { faults, reason: 'MISSING_OBJECTS' });
    const details = detailsOf(error);
    expect(details).toMatchObject({ code: status.FAILED_PRECONDITION, message: 'all of it' });
    expect(details?.parts.get('google.rpc.BadRequest')).toEqual({
      fieldViolations: faults.map(({ field, message }) => ({ field, description: message })),
    });
    expect(details?.parts.get('google.rpc.ErrorInfo')).toMatchObject({ reason: 'MISSING_OBJECTS', domain: 'lantern' });
  });

  it('are left out where there are none, and on csi.v1', () => {
    expect(detailsOf(new LanternError('not-found', 'no'))).toBeUndefined();
    expect(detailsOf(invalid([{ field: 'volume_id', message: 'is required' }]), PUBLISH)).toBeUndefined();
  });
});

describe('more than headers can hold', () => {
  it('is cut, with a sign of it, in message and details alike', () => {
    const details = detailsOf(thousandFaults);
    expect(statusOf(thousandFaults, MOUNT).details).toMatch(/ …$/);
    expect(details?.message).toBe(statusOf(thousandFaults, MOUNT).details);
    const { fieldViolations } = (details?.parts.get('google.rpc.BadRequest') ?? {}) as { fieldViolations: object[] };
    expect(fieldViolations.length).toBeGreaterThan(10);
    expect(fieldViolations.at(-1)).toEqual({ field: '', description: `and ${1001 - fieldViolations.length} more` });
  });

  it.each([
    ['many faults', thousandFaults],
    ['one endless field', invalid([{ field: 'x'.repeat(1e6), message: 'unknown field' }])],
    ['a message of astral characters', new LanternError('internal', '🕯'.repeat(100_000), { reason: 'POOL_FULL' })],
    ['a message full of spaces', new LanternError('internal', ' '.repeat(100_000))],
  ])('stays within what peers take by default: %s', (_, error) => {
    expect(sizeOnTheWire(error)).toBeLessThan(7.5 * 1024);
    expect(detailsOf(error)?.message ?? '').not.toContain('\ufffd');
  });
});
