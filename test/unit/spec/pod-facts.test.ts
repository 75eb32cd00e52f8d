import { expect, it } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import { parsePodFacts, podFactsToJson } from '../../../src/spec/pod-facts.ts';
import { faultLines } from '../../support/suite/expectations.ts';

const whole = {
  name: 'web',
  uid: 'u-1',
  labels: { app: 'web' },
  annotations: JSON.parse('{"note": "two\\nlines", "__proto__": "x"}'),
  serviceAccountName: 'default',
  containers: [{ name: 'main', limits: { cpu: '1250m' }, requests: { memory: '64Mi' } }],
};

it('pod facts are the same after they went through JSON', () => {
  const facts = orThrow(parsePodFacts(whole, 'pod'));
  expect(facts.annotations.get('__proto__')).toBe('x');
  const text = JSON.stringify(podFactsToJson(facts));
  expect(JSON.parse(text)).toEqual(whole);
  expect(orThrow(parsePodFacts(JSON.parse(text), 'pod'))).toEqual(facts);
});

it('what is absent is empty', () => {
  expect(orThrow(parsePodFacts({}, 'pod'))).toEqual({
    name: '',
    uid: '',
    labels: new Map(),
    annotations: new Map(),
    serviceAccountName: '',
    containers: [],
  });
});

it('every fault has its place', () => {
  const raw = { name: 1, label: {}, annotations: { a: 5 }, containers: [{ limits: { cpu: 'much' } }] };
  expect(faultLines(parsePodFacts(raw, 'pod'))).toEqual([
    'pod.name: must be a string, not a number; put it in quotes',
    'pod.annotations[a]: must be a string, not a number; put it in quotes',
    'pod.containers[0].name: is required',
    'pod.containers[0].limits[cpu]: must be a quantity, such as 250m, 1.5 or 64Mi',
    'pod.label: unknown field; did you mean "labels"?',
  ]);
});
