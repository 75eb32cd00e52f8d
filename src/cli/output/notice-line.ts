import { printable } from './printable.ts';

/** A notice of the daemon on one line, for stderr. */
export function noticeLine({ reason, message }: { readonly reason: string; readonly message: string }): string {
  return `warning: ${printable(reason)}: ${printable(message)}`;
}
