import { chmodSync, lstatSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';

/** Resolves when the times of files have moved on: what changes from now on has another ctime than before. */
export async function nextStamp(directory: string): Promise<void> {
  const probe = join(directory, '.probe');
  writeFileSync(probe, '');
  const changedAt = () => lstatSync(probe, { bigint: true }).ctimeNs;
  const before = changedAt();
  try {
    await vi.waitUntil(
      () => {
        chmodSync(probe, 0o600);
        return changedAt() > before;
      },
      { interval: 1, timeout: 15_000 },
    );
  } finally {
    rmSync(probe);
  }
}
