import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EtcdMember, EtcdServer } from './etcd-server.ts';

const PATIENCE_MS = 30_000;
const INTERVAL_MS = 50;

/** The member that leads now; waits for the end of an election. Never blocks this process: others go on meanwhile. */
export async function leaderOf({ members }: EtcdServer): Promise<EtcdMember> {
  return await soon('a leader', async () => {
    const pages = await Promise.all(members.map((member) => metricsOf(member).catch(() => '')));
    return members.find((_, index) => sampleOf(pages[index] ?? '', 'etcd_server_is_leader') === 1);
  });
}

/** Resolves when the member answers reads through the cluster. */
export async function healthy(member: EtcdMember): Promise<void> {
  await soon(`${member.name} to be healthy`, async () => {
    const answer = await fetch(`${member.clientUrl}/health`, { signal: AbortSignal.timeout(2_000) });
    return answer.ok ? true : undefined;
  });
}

/** How many calls of a method of etcd's KV service all members have answered since they were started. */
export async function callsOf({ members }: EtcdServer, method: 'Range' | 'Txn'): Promise<number> {
  const pages = await Promise.all(members.map(metricsOf));
  return pages.reduce((sum, page) => sum + callsIn(page, method), 0);
}

function callsIn(page: string, method: string): number {
  const ofMethod = page
    .split('\n')
    .filter((line) => line.startsWith('grpc_server_started_total{') && line.includes(`grpc_method="${method}"`));
  return ofMethod.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** All members killed, their data replaced by a snapshot's, and started again: as an operator would. */
export async function restore({ members, directory }: EtcdServer, snapshot: string): Promise<void> {
  await Promise.all(members.map((member) => member.kill()));
  const flags = ['name', 'data-dir', 'initial-cluster', 'initial-cluster-token', 'initial-advertise-peer-urls'];
  for (const member of members) {
    rmSync(directory.at(member.name), { recursive: true });
    const args = flags.flatMap((flag) => member.argument(`--${flag}`));
    const env = { ...process.env, ETCDCTL_API: '3' };
    const { status, stderr } = spawnSync('etcdctl', ['snapshot', 'restore', snapshot, ...args], { env });
    if (status !== 0) throw new Error(`the snapshot could not be restored: ${stderr}`);
  }
  for (const member of members) member.start();
  await Promise.all(members.map(healthy));
}

async function metricsOf({ clientUrl }: EtcdMember): Promise<string> {
  return await (await fetch(`${clientUrl}/metrics`, { signal: AbortSignal.timeout(2_000) })).text();
}

function sampleOf(page: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(page)?.[1]);
}

async function soon<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await sleep(INTERVAL_MS);
  }
}
