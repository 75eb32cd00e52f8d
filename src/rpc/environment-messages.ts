import type { ContainerEnv, EnvFromSource, EnvVar } from '../spec/container-env.ts';
import { formatEnvField, type PodPlacement } from '../spec/env-field.ts';
import type { EnvFromSource as WireEnvFrom } from './generated/lantern/v1/EnvFromSource.ts';
import type { EnvVar as WireEnvVar } from './generated/lantern/v1/EnvVar.ts';
import type { PodPlacement__Output as WirePlacement } from './generated/lantern/v1/PodPlacement.ts';
import type {
  ResolveEnvironmentRequest as WireRequest,
  ResolveEnvironmentRequest__Output as WireRequestRead,
} from './generated/lantern/v1/ResolveEnvironmentRequest.ts';
import { plain } from './spec-messages.ts';

type WireContainer = Pick<WireRequest, 'containerName' | 'envFrom' | 'env'>;

/** For `parseContainerEnv`. The wire's fields are named as Kubernetes' are; faults name them so. */
export function rawContainer({ containerName, envFrom, env }: WireRequestRead): unknown {
  return plain({ name: containerName, envFrom, env }, new Map());
}

export function containerEnvToWire({ name, envFrom, env }: ContainerEnv): WireContainer {
  return { containerName: name, envFrom: envFrom.map(envFromToWire), env: env.map(envVarToWire) };
}

function envFromToWire({ kind, name, optional, prefix }: EnvFromSource): WireEnvFrom {
  const object = { name, optional };
  return kind === 'Secret' ? { prefix, secretRef: object } : { prefix, configMapRef: object };
}

function envVarToWire({ name, value }: EnvVar): WireEnvVar {
  switch (value.kind) {
    case 'text':
      return { name, value: value.text };
    case 'key': {
      const key = { name: value.name, key: value.key, optional: value.optional };
      return { name, valueFrom: value.object === 'Secret' ? { secretKeyRef: key } : { configMapKeyRef: key } };
    }
    case 'field':
      return { name, valueFrom: { fieldRef: { fieldPath: formatEnvField(value.field) } } };
    case 'resource': {
      const { containerName, resource, divisor } = value;
      return { name, valueFrom: { resourceFieldRef: { containerName, resource, divisor } } };
    }
  }
}

export function placementOf(wire: WirePlacement | null): PodPlacement {
  return { nodeName: wire?.nodeName ?? '', hostIPs: wire?.hostIps ?? [], podIPs: wire?.podIps ?? [] };
}
