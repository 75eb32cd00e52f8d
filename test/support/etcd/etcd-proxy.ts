import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A proxy on loopback before one etcd member: what a network can do to a connection, at a test's word. */
export class EtcdProxy implements AsyncDisposable {
  readonly url: string;
  /** How many bytes went from etcd to its clients. */
  bytesToClients = 0;
  readonly #server: Server;
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  /** The next connections are cut when that many bytes went to the client. */
  readonly #cuts: number[] = [];
  #isOpen = true;
  #isFrozen = false;

  private constructor(server: Server, port: number, target: URL) {
    this.#server = server;
    this.#target = target;
    this.url = `http://127.0.0.1:${port}`;
    server.on('connection', (client) => this.#forward(client));
  }

  static async before(url: string): Promise<EtcdProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no port');
    return new EtcdProxy(server, address.port, new URL(url));
  }

  /** Cuts every connection, and each new one at once. */
  close(): void {
    this.#isOpen = false;
    this.#cutAll();
  }

  open(): void {
    this.#isOpen = true;
  }

  /** Stops forwarding without closing connections, including new ones. */
  freeze(): void {
    this.#isFrozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Opens; the next connections each live until so many bytes have come through. */
  openCutting(...bytes: readonly number[]): void {
    this.#cuts.push(...bytes);
    this.open();
  }

  /** True if all those connections were made, and cut. */
  get hasCutAll(): boolean {
    return this.#cuts.length === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cutAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #forward(client: Socket): void {
    client.on('error', () => {});
    if (!this.#isOpen) {
      client.destroy();
      return;
    }
    const etcd = connect(Number(this.#target.port), this.#target.hostname);
    etcd.on('error', () => client.destroy());
    let left = this.#cuts.shift() ?? Number.POSITIVE_INFINITY;
    etcd.on('data', (data) => {
      client.write(data.subarray(0, left));
      this.bytesToClients += data.length;
      left -= data.length;
      if (left <= 0) client.end(() => client.destroy());
    });
    for (const [socket, other] of [
      [client, etcd],
      [etcd, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (data) => etcd.write(data));
    if (this.#isFrozen) for (const socket of [client, etcd]) socket.pause();
  }

  #cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
