import { LanternError } from '../../base/errors.ts';
import { faulty, type Parsed, parsed } from '../../base/parsed.ts';
import { parseNamespace, parseObjectName } from '../../objects/names.ts';
import { DEFAULT_ACCOUNT } from '../../objects/object.ts';
import { DEFAULT_EXPIRATION, MAX_EXPIRATION, MIN_EXPIRATION } from '../../spec/source-schemas.ts';
import { resolveAccount } from '../../stores/resolve-objects.ts';
import type { Source } from '../../stores/store.ts';
import type { TokenSigner } from '../../tokens/token-signer.ts';
import type { CreateTokenRequest__Output as CreateTokenRequest } from '../generated/lantern/v1/CreateTokenRequest.ts';
import { Reading } from '../reading.ts';
import type { TokensMethods } from '../services.ts';

/** Far more than needed: a larger token would not fit into a header. */
const MAX_AUDIENCES = 64;
const MAX_AUDIENCE_BYTES = 1_024;
const MAX_UID_BYTES = 128;

export function tokensService(signer: TokenSigner, source: Source): TokensMethods {
  return {
    async create(request, signal) {
      const { account, ...wishes } = readRequest(request, signer.issuer);
      const found = await resolveAccount(source, account, signal);
      if (found === undefined) {
        const who = `ServiceAccount ${account.namespace}/${account.name}`;
        throw new LanternError('not-found', `create a token for ${who}: it does not exist; create it first`);
      }
      const { uid } = found.metadata;
      const { token, expiresAt } = await signer.issue({ account: { ...account, uid }, ...wishes }, signal);
      return { token, expirationTimestamp: new Date(expiresAt).toISOString().replace(/\.\d+Z$/, 'Z') };
    },

    async getKeys(_request, signal) {
      return { jwksJson: JSON.stringify(await signer.publicKeys(signal)), issuer: signer.issuer };
    },

    async rotateKey(_request, signal) {
      return { keyId: await signer.rotate(signal) };
    },
  };
}

function readRequest(request: CreateTokenRequest, issuer: string) {
  const reading = new Reading();
  const namespace = reading.take(parseNamespace(request.namespace || 'default', 'namespace'));
  const name = reading.take(parseObjectName(request.serviceAccountName || DEFAULT_ACCOUNT, 'service_account_name'));
  const audiences = reading.take(parseAudiences(request.audiences));
  const expirationSeconds = reading.take(parseExpiration(request.expirationSeconds ?? DEFAULT_EXPIRATION));
  const pod = reading.take(parsePod(request));
  if (!namespace || !name || !audiences || !expirationSeconds || !reading.isGood) throw reading.error();
  const account = { namespace, name };
  return { account, audiences: audiences.length > 0 ? audiences : [issuer], expirationSeconds, pod };
}

function parseAudiences(audiences: readonly string[]): Parsed<readonly string[]> {
  if (audiences.length > MAX_AUDIENCES) {
    return faulty([{ field: 'audiences', message: `must be no more than ${MAX_AUDIENCES}` }]);
  }
  const faults = audiences.flatMap((audience, index) => {
    const field = `audiences[${index}]`;
    if (audience === '') return [{ field, message: 'must not be empty' }];
    if (Buffer.byteLength(audience) <= MAX_AUDIENCE_BYTES) return [];
    return [{ field, message: `must be no more than ${MAX_AUDIENCE_BYTES} bytes` }];
  });
  return faults.length > 0 ? faulty(faults) : parsed(audiences);
}

function parseExpiration(seconds: number): Parsed<number> {
  if (seconds >= MIN_EXPIRATION && seconds <= MAX_EXPIRATION) return parsed(seconds);
  const message = `must be between ${MIN_EXPIRATION} (10 minutes) and ${MAX_EXPIRATION}`;
  return faulty([{ field: 'expiration_seconds', message }]);
}

/** Pods are not stored, so the request identifies one by name and uid. */
function parsePod({ podName, podUid }: CreateTokenRequest): Parsed<{ name: string; uid: string } | undefined> {
  if (podName === '' && podUid === '') return parsed(undefined);
  const uid: Parsed<string> =
    podUid !== '' && Buffer.byteLength(podUid) <= MAX_UID_BYTES
      ? parsed(podUid)
      : faulty([{ field: 'pod_uid', message: `must be 1 to ${MAX_UID_BYTES} bytes, as pod_name is given` }]);
  const name =
    podName === ''
      ? faulty<string>([{ field: 'pod_name', message: 'is required with pod_uid' }])
      : parseObjectName(podName, 'pod_name');
  if (name.ok && uid.ok) return parsed({ name: name.value, uid: uid.value });
  return faulty([...(name.ok ? [] : name.faults), ...(uid.ok ? [] : uid.faults)]);
}
