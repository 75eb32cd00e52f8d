/** What a user should know although the work went on. The reason is one word, as in an event; never a secret byte. */
export type Notice = { readonly reason: string; readonly message: string };
