import { describe, expect, test } from 'vitest';
import { parseLabelSelector } from '../../../src/objects/label-selector.ts';
import { faultLines } from '../../support/suite/expectations.ts';

const OBJECTS: Readonly<Record<string, ReadonlyMap<string, string>>> = {
  web: new Map([
    ['tier', 'web'],
    ['env', 'prod'],
  ]),
  db: new Map([
    ['tier', 'db'],
    ['env', ''],
  ]),
  bare: new Map(),
};

describe('what is selected', () => {
  test.each([
    ['', ['web', 'db', 'bare']],
    ['tier', ['web', 'db']],
    ['!tier', ['bare']],
    ['tier=web', ['web']],
    [' tier == web ', ['web']],
    ['tier!=web', ['db', 'bare']],
    ['env=', ['db']],
    ['tier in (web, db)', ['web', 'db']],
    ['tier in(web)', ['web']],
    ['tier notin (web)', ['db', 'bare']],
    ['env in ()', ['db']],
    ['tier in (web,db),env!=prod', ['db']],
    ['tier,!env', []],
    ['constructor', []],
    ['in=web', []],
    ['example.com/tier=web', []],
  ])('%j', (text, names) => {
    const selector = parseLabelSelector(text, '-l');
    if (!selector.ok) throw new Error(faultLines(selector).join());
    const selected = Object.entries(OBJECTS).filter(([, labels]) => selector.value(labels));
    expect(selected.map(([name]) => name)).toEqual(names);
  });
});

describe('what is refused', () => {
  test.each([
    ['a=b,', /^-l: "" is not understood; /],
    ['a=b=c', /is not understood/],
    ['a in b', /is not understood/],
    ['a in (b', /is not understood/],
    ['!a=b', /is not understood/],
    ['-a=b', /^-l: "-a": the key's name must have/],
    ['a=-b', /^-l: "-b": a value has/],
    ['a in (b,-c)', /^-l: "-c": a value has/],
  ])('%j', (text, message) => {
    expect(faultLines(parseLabelSelector(text, '-l')).join('\n')).toMatch(message);
  });

  test('all at once', () => {
    expect(faultLines(parseLabelSelector('-a=-b,c d', '-l'))).toHaveLength(3);
  });
});
