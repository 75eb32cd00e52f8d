/**
 * `$(NAME)` replaced by the variable's value, in one pass: what a value brings is not looked at again. An unknown name
 * stays as written, `$$` is `$`, and a reference without its end stays. Undefined where the result would be longer
 * than `maxLength`: variables that refer to each other grow exponentially. Linear in input and output. The syntax is
 * that of Kubernetes' `third_party/forked/golang/expansion`.
 */
export function expandVariables(
  text: string,
  variables: ReadonlyMap<string, string>,
  maxLength: number,
): string | undefined {
  // No reference ends after this; looking for an end once more at every start would be quadratic.
  const lastEnd = text.lastIndexOf(')');
  const parts: string[] = [];
  let length = 0;
  let done = 0;
  const add = (part: string, next: number): boolean => {
    parts.push(part);
    length += part.length;
    done = next;
    return length <= maxLength;
  };
  for (let at = text.indexOf('$'); at !== -1; at = text.indexOf('$', Math.max(done, at + 1))) {
    const next = text[at + 1];
    if (next === '$') {
      if (!add(text.slice(done, at + 1), at + 2)) return undefined;
    } else if (next === '(' && at + 2 <= lastEnd) {
      const end = text.indexOf(')', at + 2);
      const value = variables.get(text.slice(at + 2, end)) ?? text.slice(at, end + 1);
      if (!add(text.slice(done, at) + value, end + 1)) return undefined;
    }
  }
  return add(text.slice(done), text.length) ? parts.join('') : undefined;
}
