import type { EnvNameRule } from '../objects/env-name.ts';
import { parseNamespace } from '../objects/names.ts';
import type { Projector } from '../projection/projector.ts';
import type { Parser } from '../sources/parser.ts';
import { placementOf, rawContainer } from './environment-messages.ts';
import { Reading } from './reading.ts';
import type { ProjectorMethods } from './services.ts';
import { parseWirePod } from './spec-messages.ts';

/** Projector.ResolveEnvironment. */
export function resolveEnvironmentMethod(
  projector: Projector,
  parser: Parser,
  names: EnvNameRule,
): ProjectorMethods['resolveEnvironment'] {
  return async (request, signal) => {
    const reading = new Reading();
    const namespace = reading.take(parseNamespace(request.namespace || 'default', 'namespace'));
    const raw = rawContainer(request);
    const container = reading.take(await parser.run('environment', { raw, root: '', names }, signal));
    const pod = reading.take(parseWirePod(request.pod, 'pod'));
    if (namespace === undefined || container === undefined || !reading.isGood) throw reading.error();
    const placement = placementOf(request.placement);
    const { variables, notices } = await projector.resolveEnvironment({ namespace, container, pod, placement }, signal);
    return {
      variables: variables.map(({ name, value }) => ({ name, value })),
      notices: notices.map(({ reason, message }) => ({ reason, message })),
    };
  };
}
