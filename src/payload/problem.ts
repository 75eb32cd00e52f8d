/** `missing`: may still come. `invalid`: not with these inputs. The message never holds a value. */
export type Problem = { readonly reason: 'missing' | 'invalid'; readonly message: string };

export function missing(message: string): Problem {
  return { reason: 'missing', message };
}

export function invalid(message: string): Problem {
  return { reason: 'invalid', message };
}
