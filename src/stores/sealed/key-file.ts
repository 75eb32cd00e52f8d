import { hkdfSync, randomBytes } from 'node:crypto';
import { constants as fs } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { errnoOf, hasCode, LanternError, toLanternError } from '../../base/errors.ts';
import { writePrivateFile } from '../../base/files.ts';

/** The keys derived from one key file, one per purpose. */
export type StoreKey = {
  /** Stored beside sealed data: 16 hexadecimal digits that reveal nothing about the key. */
  readonly id: string;
  /** AES-256, 32 bytes. */
  readonly sealing: Uint8Array;
  /** HMAC-SHA-256, 32 bytes. */
  readonly digesting: Uint8Array;
  /** 32 bytes, from which each archive's key is derived. */
  readonly archiving: Uint8Array;
};

/** The first key seals; all of them open. */
export type KeyRing = { readonly first: StoreKey; readonly byId: ReadonlyMap<string, StoreKey> };

const SECRET_BYTES = 32;
/** Base64 of 32 bytes and a line end take less. */
const MAX_FILE_BYTES = 256;

/** Files hold base64 of 32 bytes. `failed-precondition` if one is missing, malformed, or others own or can open it. */
export async function readKeyRing(paths: readonly string[]): Promise<KeyRing> {
  const keys: StoreKey[] = [];
  for (const path of paths) keys.push(deriveKey(await readSecret(path)));
  const [first] = keys;
  if (first === undefined) throw new LanternError('invalid-argument', 'open the store: no key file is named');
  return { first, byId: new Map(keys.map((key) => [key.id, key])) };
}

/** Creates a key file, mode 0600, atomic and durable on return. An existing file stays. */
export async function createKeyFile(path: string): Promise<void> {
  try {
    await writePrivateFile(path, { replace: false }, async (file) => {
      await file.writeFile(`${randomBytes(SECRET_BYTES).toString('base64')}\n`);
    });
  } catch (error) {
    if (hasCode(error, 'already-exists')) return;
    throw toLanternError(error, `create the key file "${path}"`);
  }
}

/** A key that no file holds: values sealed with it are readable only while this process lives. */
export function passingKey(): StoreKey {
  return deriveKey(randomBytes(SECRET_BYTES));
}

function deriveKey(secret: Uint8Array): StoreKey {
  const derive = (purpose: string, bytes: number) =>
    new Uint8Array(hkdfSync('sha256', secret, '', `lantern store v1: ${purpose}`, bytes));
  return {
    id: Buffer.from(derive('key id', 8)).toString('hex'),
    sealing: derive('sealing', 32),
    digesting: derive('digesting', 32),
    archiving: derive('archiving', 32),
  };
}

async function readSecret(path: string): Promise<Uint8Array> {
  const refuse = (why: string) => new LanternError('failed-precondition', `read the key file "${path}": ${why}`);
  const file = await openFile(path);
  try {
    const stat = await file.stat();
    const mode = stat.mode & 0o777;
    const user = process.geteuid?.();
    if (!stat.isFile()) throw refuse('it is not a regular file');
    if (user !== undefined && stat.uid !== user) {
      throw refuse(`it belongs to user ${stat.uid}, not to this process's user ${user}; change its owner`);
    }
    if ((mode & 0o077) !== 0) {
      throw refuse(
        `its mode 0${mode.toString(8)} lets others at it; chmod it to 0600, and rotate the key if it was seen`,
      );
    }
    const text = stat.size <= MAX_FILE_BYTES ? (await file.readFile('utf8')).trim() : '';
    const secret = Buffer.from(text, 'base64');
    if (secret.length !== SECRET_BYTES || secret.toString('base64') !== text) {
      throw refuse(`it must hold ${SECRET_BYTES} bytes in base64; put the right file back`);
    }
    return secret;
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // O_NONBLOCK: a pipe would wait for a writer.
    return await open(path, fs.O_RDONLY | fs.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw toLanternError(error, `read the key file "${path}"`);
    throw new LanternError(
      'failed-precondition',
      `read the key file "${path}": it does not exist, and without it what is stored cannot be read; put it back`,
    );
  }
}
