import { LanternError } from '../base/errors.ts';
import { isSameMap } from '../objects/object.ts';
import { isSameTokens } from '../payload/payload.ts';
import { accountRefOf } from '../spec/object-refs.ts';
import type { AccessMode, RecordedPublication, RequestInputs } from '../volume/record.ts';
import type { PublishRequest } from './projector.ts';

/** The contents of a volume, as in its last successful request. */
export type Wanted = Omit<
  PublishRequest,
  'target' | 'subPath' | 'accessMode' | 'readonly' | 'mountFlags' | 'waitForObjects' | 'requestKey'
>;

/**
 * Compares a publish request with what is there (CSI's table for NodePublishVolume). The same target with another
 * capability, readonly, namespace or subPath is `already-exists`. Another target needs a shareable access mode and the
 * same pod, account, mount group and inputs, else `failed-precondition`. A changed spec is an update.
 */
export function requireAgreement(
  request: PublishRequest,
  wanted: Wanted,
  publications: ReadonlyMap<string, RecordedPublication>,
): void {
  if (wanted.namespace !== request.namespace) {
    throw conflict(request, `the volume belongs to namespace "${wanted.namespace}"; use another volume_id`);
  }
  const published = publications.get(request.target);
  const [other] = publications.values();
  if (published !== undefined) requireSamePublication(published, wanted, request);
  else if (other !== undefined) requireSharing(other, wanted, request);
}

function requireSamePublication(published: RecordedPublication, wanted: Wanted, request: PublishRequest): void {
  // Only the mount of an assumed target is known, not its request.
  const isKnown = published.isAssumed !== true;
  const differing = [
    isKnown && published.accessMode !== request.accessMode && 'access mode',
    isKnown && published.readonly !== request.readonly && 'readonly',
    published.subPath !== request.subPath && 'subPath',
    isKnown && published.mountFlags.join() !== request.mountFlags.join() && 'mount flags',
    wanted.mountGroup !== request.mountGroup && 'mount group',
    wanted.pod?.uid !== request.pod?.uid && 'pod uid',
  ].filter((name) => name !== false);
  if (differing.length === 0) return;
  throw conflict(
    request,
    `it is published at "${request.target}" with another ${differing.join(', ')}; unpublish it first`,
  );
}

function requireSharing(other: RecordedPublication, wanted: Wanted, request: PublishRequest): void {
  if (!isShareable(other.accessMode) || !isShareable(request.accessMode)) {
    throw unshareable(
      request,
      `access mode ${request.accessMode} allows one target, and it is published at "${other.target}"`,
    );
  }
  // Otherwise one pod's token or data would land in another's files.
  if (wanted.pod?.uid !== request.pod?.uid) throw unshareable(request, 'its other targets belong to another pod');
  if (accountOf(wanted) !== accountOf(request)) throw unshareable(request, 'its other targets have another account');
  if (wanted.mountGroup !== request.mountGroup)
    throw unshareable(request, 'its other targets have another mount group');
  if (!hasSameInputs(wanted.inputs, request.inputs)) {
    throw unshareable(request, "its other targets came with other data of the request's own");
  }
}

function accountOf({ pod, namespace }: Pick<Wanted, 'pod' | 'namespace'>): string {
  return accountRefOf(pod, namespace).name;
}

function isShareable(mode: AccessMode): boolean {
  return mode.startsWith('MULTI_NODE_') || mode === 'SINGLE_NODE_MULTI_WRITER';
}

function hasSameInputs(a: RequestInputs, b: RequestInputs): boolean {
  return isSameMap(a.data, b.data) && isSameTokens(a.tokens, b.tokens);
}

function conflict(request: PublishRequest, why: string): LanternError {
  return new LanternError('already-exists', `publish volume "${request.volumeId}": ${why}`);
}

function unshareable(request: PublishRequest, why: string): LanternError {
  return new LanternError(
    'failed-precondition',
    `publish volume "${request.volumeId}" at a further target "${request.target}": ${why}; use another volume_id`,
  );
}
