import { isIP, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { peerCredentialReader } from '../../mount/linux/process-calls.ts';
import { peerNameReader } from '../../mount/linux/socket-calls.ts';

type Share = { readonly connections: number; readonly rate: Rate | undefined };

export type AdmissionLimits = {
  /** All open connections. */
  readonly all: number;
  /** Unprivileged peers, all together. */
  readonly others: Share;
  /** Each peer. */
  readonly peer: Share;
  /** Stream resets of each peer, in addition to those of its sessions. */
  readonly resets: Rate;
};

/** Peers with the same key share their limits. */
export type Peer = { readonly key: string; readonly isPrivileged: boolean };

export type AdmissionRefusal = 'connections' | 'peer_connections' | 'rate' | 'peer_rate';

/** Beyond it, new peers are refused until another is forgotten. */
const MAX_PEERS = 4_096;
const SWEEP_MS = 5_000;

/** At a limit, the connection that waits longest for its peer makes room; if none waits, the new one is refused. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #all: Group;
  readonly #others: Group;
  readonly #peers = new Map<string, PeerGroup>();
  #sweepAt: number;

  constructor(limits: AdmissionLimits, clock: Clock) {
    const now = clock.monotonic();
    this.#limits = limits;
    this.#clock = clock;
    this.#all = new Group({ connections: limits.all, rate: undefined }, now);
    this.#others = new Group(limits.others, now);
    this.#sweepAt = now + SWEEP_MS;
  }

  get size(): number {
    return this.#all.size;
  }

  /** `displace` closes the connection when it must make room. Then it is no longer counted. */
  admit(peer: Peer, displace: () => void): Admitted | AdmissionRefusal {
    const now = this.#clock.monotonic();
    const own = this.#groupOf(peer, now);
    if (own === undefined) return 'rate';
    const shared = peer.isPrivileged ? [this.#all] : [this.#others, this.#all];
    if (!own.hasRoom) return 'peer_connections';
    if (shared.some((group) => !group.hasRoom)) return 'connections';
    // The peer's own rate is checked first, so that its excess does not use up the shared rates.
    if (!own.takeOne(now)) return 'peer_rate';
    if (shared.some((group) => !group.takeOne(now))) return 'rate';
    const groups = [own, ...shared];
    for (const group of groups) group.makeRoom();
    return new Admitted(groups, own, displace, this.#clock);
  }

  #groupOf({ key }: Peer, now: number): PeerGroup | undefined {
    if (now >= this.#sweepAt) this.#sweep(now);
    const known = this.#peers.get(key);
    if (known !== undefined) return known;
    if (this.#peers.size >= MAX_PEERS) return undefined;
    const made = new PeerGroup(this.#limits.peer, this.#limits.resets, now);
    this.#peers.set(key, made);
    return made;
  }

  /** Forgets peers that have no connection and full budgets. */
  #sweep(now: number): void {
    this.#sweepAt = now + SWEEP_MS;
    for (const [key, group] of this.#peers) {
      if (group.isAsNew(now)) this.#peers.delete(key);
    }
  }
}

/** Waits for its peer at first. Must be disposed when the connection closes. */
export class Admitted implements Disposable {
  readonly #groups: readonly Group[];
  readonly #peer: PeerGroup;
  readonly #displace: () => void;
  readonly #clock: Clock;

  constructor(groups: readonly Group[], peer: PeerGroup, displace: () => void, clock: Clock) {
    this.#groups = groups;
    this.#peer = peer;
    this.#displace = displace;
    this.#clock = clock;
    for (const group of groups) group.add(this);
  }

  /** Protects it from displacement. */
  engage(): void {
    for (const group of this.#groups) group.waiting.delete(this);
  }

  /** Marks it as waiting again, last in line to be displaced. */
  wait(): void {
    for (const group of this.#groups) group.setWaiting(this);
  }

  displace(): void {
    this[Symbol.dispose]();
    this.#displace();
  }

  /** False if its peer's budget for resets is spent. */
  spendResets(count: number): boolean {
    return this.#peer.resets.take(count, this.#clock.monotonic());
  }

  [Symbol.dispose](): void {
    for (const group of this.#groups) group.delete(this);
  }
}

class Group {
  /** In the order of displacement. */
  readonly waiting = new Set<Admitted>();
  readonly #members = new Set<Admitted>();
  readonly #connections: number;
  readonly #bucket: TokenBucket | undefined;

  constructor({ connections, rate }: Share, now: number) {
    this.#connections = connections;
    this.#bucket = rate === undefined ? undefined : new TokenBucket(rate, now);
  }

  get size(): number {
    return this.#members.size;
  }

  get hasRoom(): boolean {
    return this.size < this.#connections || this.waiting.size > 0;
  }

  takeOne(now: number): boolean {
    return this.#bucket?.take(1, now) ?? true;
  }

  makeRoom(): void {
    if (this.size < this.#connections) return;
    for (const oldest of this.waiting) {
      oldest.displace();
      return;
    }
  }

  add(connection: Admitted): void {
    this.#members.add(connection);
    this.waiting.add(connection);
  }

  setWaiting(connection: Admitted): void {
    if (!this.#members.has(connection)) return;
    this.waiting.delete(connection);
    this.waiting.add(connection);
  }

  delete(connection: Admitted): void {
    this.#members.delete(connection);
    this.waiting.delete(connection);
  }

  isAsNew(now: number): boolean {
    return this.size === 0 && (this.#bucket?.isFull(now) ?? true);
  }
}

class PeerGroup extends Group {
  readonly resets: TokenBucket;

  constructor(share: Share, resets: Rate, now: number) {
    super(share, now);
    this.resets = new TokenBucket(resets, now);
  }

  override isAsNew(now: number): boolean {
    return super.isAsNew(now) && this.resets.isFull(now);
  }
}

/** `burst` at once, `perSecond` on average. */
type Rate = { readonly perSecond: number; readonly burst: number };

/** A budget that refills over time. Times are those of `Clock.monotonic`. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #at: number;

  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#at = now;
  }

  /** All or nothing: false if there are fewer than `count`. */
  take(count: number, now: number): boolean {
    this.#fill(now);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  isFull(now: number): boolean {
    this.#fill(now);
    return this.#tokens >= this.#rate.burst;
  }

  #fill(now: number): void {
    const earned = (Math.max(0, now - this.#at) / 1000) * this.#rate.perSecond;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + earned);
    this.#at = now;
  }
}

/** `name` is for the log. */
export type ConnectingPeer = Peer & { readonly name: string };

/** Undefined if the peer has left. A /64 is one peer, because its addresses usually have one owner. */
export function tcpPeer({ remoteAddress }: Pick<Socket, 'remoteAddress'>): ConnectingPeer | undefined {
  if (remoteAddress === undefined) return undefined;
  return { key: networkOf(remoteAddress), isPrivileged: false, name: remoteAddress };
}

function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (isIP(plain) !== 6) return plain;
  const [head = '', tail] = (plain.split('%', 1)[0] ?? '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  const groups = [...before, ...zeros, ...after].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}

/**
 * Each process of root and of the daemon's own user is a peer, so that their programs cannot shut out each other. Every
 * other user is one. Pid 0 is a process outside this one's pid namespace.
 */
export function unixPeers(): (socket: Socket) => ConnectingPeer & { readonly pid: number } {
  const credentialsOf = peerCredentialReader();
  return (socket) => {
    const fd = descriptorOf(socket);
    const found = fd === undefined ? undefined : credentialsOf(fd);
    if (found === undefined) return { key: 'unknown', isPrivileged: false, name: 'unknown', pid: 0 };
    const { uid, pid } = found;
    const isPrivileged = uid === 0 || uid === process.geteuid?.();
    return { key: isPrivileged ? `${uid} ${pid}` : `${uid}`, isPrivileged, name: `uid ${uid} pid ${pid}`, pid };
  };
}

/** The names that peers bound, see `peerNameReader`. */
export function unixPeerNames(): (socket: Socket) => Buffer | undefined {
  const nameOf = peerNameReader();
  return (socket) => {
    const fd = descriptorOf(socket);
    return fd === undefined ? undefined : nameOf(fd);
  };
}

/** Undefined for a closed socket. */
function descriptorOf(socket: Socket): number | undefined {
  const fd: unknown = Reflect.get(Object(Reflect.get(socket, '_handle')), 'fd');
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
