import { describe, expect, test } from 'vitest';
import { endingOf } from '../../../src/cli/exit.ts';
import { parseKind, parseSelections } from '../../../src/cli/kinds.ts';

/** What a wrong command line is answered with. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    const { exitCode, message } = endingOf(error, false);
    return `${exitCode}: ${message}`;
  }
  return 'accepted';
}

function selected(...words: readonly string[]): [string, readonly string[]][] {
  return parseSelections(words).map(({ kind, names }) => [kind.kind, names]);
}

describe('a kind', () => {
  test.each([
    ['secret', 'Secret'],
    ['secrets', 'Secret'],
    ['Secret', 'Secret'],
    ['cm', 'ConfigMap'],
    ['configmaps', 'ConfigMap'],
    ['sa', 'ServiceAccount'],
    ['ServiceAccount', 'ServiceAccount'],
    ['projectedvolume', 'ProjectedVolume'],
    ['projectedvolumes.lantern.dev', 'ProjectedVolume'],
    ['ProjectedVolume.v1.lantern.dev', 'ProjectedVolume'],
    ['secrets.v1.', 'Secret'],
  ])('%s is %s', (word, kind) => {
    expect(parseKind(word).kind).toBe(kind);
  });

  test('a misspelt one gets the likely spelling, any other the list', () => {
    expect(refusal(() => parseKind('secert'))).toBe('2: there is no resource type "secert"; did you mean "secret"?');
    expect(refusal(() => parseKind('pod'))).toMatch(
      /^2: there is no resource type "pod"; use one of secrets, configmaps, /,
    );
    for (const word of ['', 'secrets.lantern.dev', 'projectedvolumes.v1', 'projectedvolumes.']) {
      expect(refusal(() => parseKind(word))).toMatch(/^2: /);
    }
  });
});

describe('a selection', () => {
  test('as kubectl takes it', () => {
    expect(selected('secrets')).toEqual([['Secret', []]]);
    expect(selected('secret', 'a', 'b')).toEqual([['Secret', ['a', 'b']]]);
    expect(selected('secrets,cm,secret')).toEqual([
      ['Secret', []],
      ['ConfigMap', []],
    ]);
    expect(selected('secret/a', 'cm/b', 'secret/c')).toEqual([
      ['Secret', ['a']],
      ['ConfigMap', ['b']],
      ['Secret', ['c']],
    ]);
  });

  test.each([
    [[]],
    [['secret,']],
    [['secret', 'cm/b']],
    [['secret/a', 'b']],
    [['secret/']],
    [['/a']],
    [['secret/a/b']],
  ])('%j is wrong usage', (words) => {
    expect(refusal(() => parseSelections(words))).toMatch(/^2: \S/);
  });
});
