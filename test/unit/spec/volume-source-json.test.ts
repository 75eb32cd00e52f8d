import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orThrow } from '../../../src/base/parsed.ts';
import {
  definitionToJson,
  parseDefinition,
  parseVolumeSource,
  parseVolumeSourceText,
  volumeSpecToJson,
} from '../../../src/spec/parse-volume-source.ts';
import { arbitrarySpec } from '../../support/objects/arbitrary-spec.ts';
import { faultLines } from '../../support/suite/expectations.ts';

describe('a spec', () => {
  it('is the same after it went through JSON', () => {
    fc.assert(
      fc.property(arbitrarySpec, (spec) => {
        const text = JSON.stringify(volumeSpecToJson(spec));
        expect(orThrow(parseVolumeSource(JSON.parse(text), ''))).toStrictEqual(spec);
      }),
    );
  });

  it.each([
    '{"secret":{"secretName":"db","optional":false,"defaultMode":256}}',
    '{"configMap":{"name":"c","items":[{"key":"k","path":"a/b","mode":256}],"optional":true,"defaultMode":420,"defaultUser":1}}',
    '{"downwardAPI":{"items":[{"path":"l","fieldRef":{"fieldPath":"metadata.labels"}}],"defaultMode":420}}',
    '{"request":{"defaultMode":420,"defaultGroup":0}}',
    '{"projected":{"sources":[],"defaultMode":420}}',
    '{"projected":{"sources":[{"serviceAccountToken":{"audience":"a","expirationSeconds":600,"path":"t"}}],"defaultMode":420}}',
    '{"projected":{"sources":[{"secret":{"name":"a","optional":false}},{"request":{}}],"defaultMode":420}}',
  ])('keeps its shape: %s', (text) => {
    expect(JSON.stringify(volumeSpecToJson(orThrow(parseVolumeSourceText(text, ''))))).toBe(text);
  });
});

describe('a definition', () => {
  it('is the same after it went through JSON', () => {
    const named = { kind: 'named', projectedVolume: 'p' } as const;
    expect(definitionToJson(named)).toEqual({ projectedVolume: 'p' });
    expect(orThrow(parseDefinition(definitionToJson(named), ''))).toEqual(named);
    fc.assert(
      fc.property(arbitrarySpec, (spec) => {
        const definition = { kind: 'inline', spec } as const;
        expect(orThrow(parseDefinition(definitionToJson(definition), ''))).toStrictEqual(definition);
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    [{}, 'd: must have exactly one of projectedVolume, source; none is there'],
    [
      { projectedVolume: 'p', source: { request: {} } },
      'd: must have exactly one of projectedVolume, source; projectedVolume and source are there',
    ],
    [{ source: { secret: {} } }, 'd.source.secret.secretName: is required'],
    [
      { projectedvolume: 'p', source: { request: {} } },
      'd.projectedvolume: unknown field; did you mean "projectedVolume"?',
    ],
    [null, 'd: must be a mapping, not null'],
  ])('%j is refused', (raw, fault) => {
    expect(faultLines(parseDefinition(raw, 'd'))).toEqual([fault]);
  });
});
