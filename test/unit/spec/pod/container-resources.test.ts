import { describe, expect, test } from 'vitest';
import { parsePod } from '../../../../src/spec/pod/pod.ts';
import { containerWith, podManifest } from '../../../support/objects/manifests.ts';

const AT = 'spec.containers[0].resources';

function faultsOf(resources: unknown): readonly string[] {
  const result = parsePod(podManifest({ containers: [containerWith([], { resources })] }), 'default');
  return result.ok ? [] : result.faults.map(({ field, message }) => `${field}: ${message}`);
}

// The suite beside Kubernetes' own validation (npm run test:validation) has thousands more.
describe('what a container asks for', () => {
  test.each<[unknown, string]>([
    [{ limits: { cpu: '-1' } }, `${AT}.limits[cpu]: must not be negative`],
    [{ requests: { memory: '-1Mi' } }, `${AT}.requests[memory]: must not be negative`],
    [{ limits: { cpu: 1 }, requests: { cpu: '1001m' } }, `${AT}.requests[cpu]: must not be more than the limit, 1`],
    [
      { limits: { gpu: 1 } },
      `${AT}.limits[gpu]: must be cpu, memory, ephemeral-storage, hugepages-SIZE or a name such`,
    ],
    [{ limits: { 'example.com/gpu': '1.5' } }, `${AT}.limits[example.com/gpu]: must be a whole number`],
    [{ requests: { 'example.com/gpu': 1 } }, `${AT}.requests[example.com/gpu]: must have a limit beside it`],
    [
      { limits: { 'example.com/gpu': 2 }, requests: { 'example.com/gpu': 1 } },
      `${AT}.requests[example.com/gpu]: must be the limit, 2`,
    ],
    [{ limits: { 'hugepages-2Mi': '4Mi' } }, `${AT}: must have cpu or memory beside huge pages`],
    [{ limits: { cpu: 1, 'hugepages-2Mi': '3Mi' } }, `${AT}.limits[hugepages-2Mi]: must be a multiple of 2Mi`],
    [{ limit: { cpu: 1 } }, `${AT}.limit: unknown field; did you mean "limits"?`],
  ])('%j is refused', (resources, fault) => {
    expect(faultsOf(resources)).toEqual([expect.stringContaining(fault)]);
  });

  test.each([
    {},
    { limits: null, requests: { cpu: null } },
    { limits: { cpu: ' 1 ' }, requests: { cpu: '1000m' } },
    { limits: { memory: '1Gi', 'hugepages-2Mi': '4Mi' }, requests: { 'hugepages-2Mi': '4Mi' } },
    { limits: { 'example.com/gpu': '2' }, requests: { 'example.com/gpu': 2 } },
  ])('%j is taken', (resources) => {
    expect(faultsOf(resources)).toEqual([]);
  });
});
