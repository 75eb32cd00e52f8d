import { LanternError } from '../../base/errors.ts';
import type { PageMethods } from '../services.ts';

/** `page` is undefined if it is off. */
export function pageService(page: { newAddress(): string } | undefined): PageMethods {
  return {
    open() {
      if (page !== undefined) return { url: page.newAddress() };
      const message = 'open the page: it is off; start the daemon with --page-address 127.0.0.1:9465';
      throw new LanternError('failed-precondition', message);
    },
  };
}
