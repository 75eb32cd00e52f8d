import { LanternError } from '../base/errors.ts';
import type { Source } from '../sources/source.ts';
import type { TokenSigner } from '../sources/token-signer.ts';
import type { TokensMethods } from './services.ts';

/** lantern.v1.Tokens. */
export function tokensService(_signer: TokenSigner, _source: Source): TokensMethods {
  const refuse = () => {
    throw new LanternError('unimplemented', 'tokens');
  };
  return { create: refuse, getKeys: refuse, rotateKey: refuse };
}
