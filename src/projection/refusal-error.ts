import { type Fault, LanternError } from '../base/errors.ts';

/** Why something could not be made from the objects there are; see `Rendered` and `ResolvedEnvironment`. */
export type Refusal = { readonly reason: 'missing' | 'invalid' | 'too-large'; readonly faults: readonly Fault[] };

export function refusalError({ reason, faults }: Refusal): LanternError {
  const text = faults.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
  switch (reason) {
    case 'missing':
      return new LanternError('failed-precondition', text, { faults, reason: 'MISSING_OBJECTS' });
    case 'too-large':
      return new LanternError('resource-exhausted', text, { faults });
    case 'invalid':
      return new LanternError('invalid-argument', text, { faults });
  }
}
