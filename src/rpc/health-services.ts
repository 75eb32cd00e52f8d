/** What the health service calls the daemon's store; it serves while objects can be stored. */
export const STORE_SERVICE = 'lantern.store';
