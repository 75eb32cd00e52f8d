import { expect, it } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import { parsePodFacts, parsePodFactsBySchema, podFactsToJson } from '../../../src/spec/pod-facts.ts';
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

it("a kubelet's facts are read without the schema, which decides what they may be", () => {
  const usual = { ...whole, labels: JSON.parse('{"__proto__": "x", "a": ""}'), containers: [] };
  const agree = (raw: unknown) => {
    expect(parsePodFacts(raw, 'pod')).toStrictEqual(parsePodFactsBySchema(raw, 'pod'));
  };
  agree(usual);
  for (const name of [...Object.keys(usual), 'more', '__proto__']) {
    for (const value of [undefined, null, 1, '', 'x', [], [1], {}, { a: 1 }, { a: null }, { a: 'x' }]) {
      const raw = Object.defineProperty({ ...usual }, name, { value, enumerable: true });
      agree(raw);
      agree({ ...usual, labels: raw });
    }
  }
});
