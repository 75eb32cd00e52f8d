import type { EnvNameRule } from '../objects/env-name.ts';
import { parseNamespace, parseObjectName } from '../objects/names.ts';
import type { PodStatus, Pods } from '../projection/pods.ts';
import { type Parser, parserHere } from '../sources/parser.ts';
import { heldTokensOf } from './held-tokens.ts';
import { MAX_USER } from './limits.ts';
import { checkPage, pageOf } from './pages.ts';
import { mountedPodToWire, parseRootPath, podToWire, sizeOfPod } from './pod-messages.ts';
import { Reading } from './reading.ts';
import type { ProjectorMethods } from './services.ts';

/** Projector.MountPod, UnmountPod and ListPods. */
export function podMethods(
  pods: Pods,
  parser: Parser = parserHere,
  names: EnvNameRule = 'strict',
): Pick<ProjectorMethods, 'mountPod' | 'unmountPod' | 'listPods'> {
  return {
    async mountPod(request, signal) {
      const reading = new Reading();
      const namespace = reading.take(parseNamespace(request.namespace || 'default', 'namespace'));
      const root = reading.take(parseRootPath(request.rootPath));
      const text = { text: request.manifest, defaultNamespace: namespace ?? 'default', field: 'manifest', names };
      const pod = reading.take(await parser.run('pod', text, signal));
      if (pod !== undefined && namespace !== undefined && request.namespace !== '' && pod.namespace !== namespace) {
        reading.refuse('namespace', `must be "${pod.namespace}", as the manifest says, or empty`);
      }
      if (pod?.containers.length === 0) reading.refuse('manifest.spec.containers', 'must have a container');
      if (request.runAsUser !== undefined && (request.runAsUser < 0 || request.runAsUser > MAX_USER)) {
        reading.refuse('run_as_user', `must be between 0 and ${MAX_USER}`);
      }
      if (pod === undefined || root === undefined || !reading.isGood) throw reading.error();
      const { containers, waitForObjects, open, runAsUser } = request;
      const tokens = heldTokensOf(request.tokens);
      return mountedPodToWire(
        await pods.mount({ pod, root, containers, waitForObjects, tokens, open, runAsUser }, signal),
      );
    },

    async unmountPod(request, signal) {
      const reading = new Reading();
      const namespace = reading.take(parseNamespace(request.namespace || 'default', 'namespace'));
      const name = reading.take(parseObjectName(request.name, 'name'));
      const root = request.rootPath === '' ? undefined : reading.take(parseRootPath(request.rootPath));
      if (namespace === undefined || name === undefined || !reading.isGood) throw reading.error();
      await pods.unmount({ namespace, name, root }, signal);
      return {};
    },

    listPods(request) {
      const reading = new Reading();
      if (request.namespace !== '') reading.take(parseNamespace(request.namespace, 'namespace'));
      reading.take(checkPage(request));
      if (!reading.isGood) throw reading.error();
      const all = pods.list().filter(({ namespace }) => request.namespace === '' || namespace === request.namespace);
      const { items, nextPageToken } = pageOf(all, pageKey, sizeOfPod, request);
      return { pods: items.map(podToWire), nextPageToken };
    },
  };
}

/** Sorts as the list does: no part can hold a NUL byte. */
function pageKey({ namespace, name, root }: PodStatus): string {
  return `${namespace}\0${name}\0${root}`;
}
