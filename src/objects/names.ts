import { faulty, type Parsed, parsed } from '../base/parsed.ts';

/** Kubernetes' rules: apimachinery's `util/validation`, and `core/validation` for data keys. Faults omit the name. */

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const DATA_KEY = /^[-._a-zA-Z0-9]+$/;
const QUALIFIED = /^[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$/;

const MAX_LABEL = 63;
const MAX_SUBDOMAIN = 253;
/** A prefix, a slash and a name. Checked first, because all other checks take time with the length. */
const MAX_KEY = MAX_SUBDOMAIN + 1 + MAX_LABEL;

const SUBDOMAIN_RULE =
  "must be a DNS-1123 subdomain: lower-case letters, digits, '-' and '.', where each part starts and ends with a letter or digit";
const LABEL_RULE =
  "must be a DNS-1123 label: lower-case letters, digits and '-', starting and ending with a letter or digit";
const QUALIFIED_RULE = "letters, digits, '-', '_' and '.', starting and ending with a letter or digit";

/** A DNS-1123 subdomain of at most 253 characters. */
export function parseObjectName(text: string, field: string): Parsed<string> {
  return check(text, field, MAX_SUBDOMAIN, SUBDOMAIN, SUBDOMAIN_RULE);
}

/** A DNS-1123 label of at most 63 characters. */
export function parseNamespace(text: string, field: string): Parsed<string> {
  return check(text, field, MAX_LABEL, LABEL, LABEL_RULE);
}

/** A key of data or binaryData, which may become a file's name. */
export function parseDataKey(text: string, field: string): Parsed<string> {
  const result = check(text, field, MAX_SUBDOMAIN, DATA_KEY, "a key has letters, digits, '-', '_' and '.' only");
  if (!result.ok) return result;
  if (text === '.') return faulty([{ field, message: "a key must not be '.'" }]);
  if (text.startsWith('..')) return faulty([{ field, message: "a key must not start with '..'" }]);
  return result;
}

/** `name` or `prefix/name`, where the prefix is a DNS-1123 subdomain. */
export function parseLabelKey(text: string, field: string): Parsed<string> {
  if (text.length > MAX_KEY) return faulty([{ field, message: `a key must be no more than ${MAX_KEY} characters` }]);
  const [first = '', second, ...more] = text.split('/');
  if (more.length > 0) return faulty([{ field, message: 'a key has one slash at most, between prefix and name' }]);
  if (second !== undefined) {
    const prefix = check(first, field, MAX_SUBDOMAIN, SUBDOMAIN, SUBDOMAIN_RULE);
    if (!prefix.ok)
      return faulty(prefix.faults.map(({ message }) => ({ field, message: `the key's prefix ${message}` })));
  }
  const name = check(second ?? first, field, MAX_LABEL, QUALIFIED, `must have ${QUALIFIED_RULE}`);
  if (!name.ok) return faulty(name.faults.map(({ message }) => ({ field, message: `the key's name ${message}` })));
  return parsed(text);
}

/** The rule for labels, except that the prefix may have capitals. */
export function parseAnnotationKey(text: string, field: string): Parsed<string> {
  const result = parseLabelKey(text.length > MAX_KEY ? text : text.toLowerCase(), field);
  return result.ok ? parsed(text) : result;
}

/** Empty, or at most 63 characters in the form of a qualified name. */
export function parseLabelValue(text: string, field: string): Parsed<string> {
  return text === '' ? parsed(text) : check(text, field, MAX_LABEL, QUALIFIED, `a value has ${QUALIFIED_RULE}`);
}

function check(text: string, field: string, maxLength: number, pattern: RegExp, rule: string): Parsed<string> {
  if (text === '') return faulty([{ field, message: 'must not be empty' }]);
  if (text.length > maxLength) return faulty([{ field, message: `must be no more than ${maxLength} characters` }]);
  return pattern.test(text) ? parsed(text) : faulty([{ field, message: rule }]);
}
