import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** HTTP/2 as RFC 9113 has it, byte by byte: what no client library would send. */

const [DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY] = [0, 1, 3, 4, 7];
const END_STREAM = 1;
const END_HEADERS = 4;
const CANCEL = 8;

/** The client's preface. */
export const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(SETTINGS, 0, 0, Buffer.alloc(0)),
]);

/**
 * A whole call with an empty message on the stream of that number, 0 and up; reset in the same breath where asked for.
 */
export function call(path: string, number: number, isReset: boolean): Buffer {
  const id = 2 * number + 1;
  const headers = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ].map(([name = '', value = '']) => Buffer.concat([Buffer.from([0]), text(name), text(value)]));
  const parts = [
    frame(HEADERS, END_HEADERS, id, Buffer.concat(headers)),
    frame(DATA, END_STREAM, id, Buffer.alloc(5)),
    frame(RST_STREAM, 0, id, Buffer.from([0, 0, 0, CANCEL])),
  ];
  return Buffer.concat(isReset ? parts : parts.slice(0, 2));
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The bytes that a server sends until it closes the connection. */
export class ServerFrames {
  readonly closed: Promise<void>;
  /** The error codes of its GOAWAY frames. */
  readonly goaways: number[] = [];
  #bytes = Buffer.alloc(0);
  #heard: () => void = () => {};
  readonly heard = new Promise<void>((resolve) => {
    this.#heard = resolve;
  });

  constructor(socket: Duplex) {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  #read(bytes: Buffer): void {
    this.#heard();
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.length >= 9) {
      const end = 9 + this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < end) return;
      if (this.#bytes[3] === GOAWAY) this.goaways.push(this.#bytes.readUInt32BE(13));
      this.#bytes = this.#bytes.subarray(end);
    }
  }
}

/** A connection that speaks HTTP/2 to a unix socket or a port of loopback. */
export function speak(to: string | number): { readonly socket: Socket; readonly frames: ServerFrames } {
  const socket = typeof to === 'string' ? connect(to) : connect(to, '127.0.0.1');
  const frames = new ServerFrames(socket);
  socket.write(PREFACE);
  return { socket, frames };
}
