/**
 * A manifest that Kubernetes and Lantern read alike, or both refuse. With `decided` they differ because that was
 * decided: the words in docs/differences.md that say so, and `ours`, the documents that Lantern reads.
 *
 * @typedef {{ name: string, text: string | Uint8Array, decided?: string, ours?: unknown[] | 'refused' }} YamlStream
 */

/** @type {readonly YamlStream[]} */
export const YAML_STREAMS = [
  { name: 'documents', text: 'a: 1\n---\n# none\n---\nb: 2\n---\n' },
  { name: 'JSON objects in lines', text: '{"a": 1}\n{"b": 2}\n' },
  { name: 'JSON objects without blanks', text: '{"a":1}{"b":{"c":"}{"}}{"d":[]}' },
  { name: 'JSON objects over lines', text: '\n{\n  "a": [\n    1\n  ]\n}\n{\n  "b": "x"\n}\n' },
  { name: 'JSON and then no JSON', text: '{"a": 1}\nx' },
  {
    name: 'a flow mapping',
    text: '{a: 1, "b": \'}{\'}\n',
    decided: 'YAML that begins with a brace',
    ours: [{ a: 1, b: '}{' }],
  },
  { name: 'a byte order mark', text: '\uFEFFa: 1\n' },
  { name: 'a byte order mark after a mark', text: 'a: 1\n---\n\uFEFFb: 2\n' },
  { name: 'numbers that are too large', text: 'a: 123e456\nb: -52e9999\nc: "1"\n' },
  { name: 'numbers', text: 'a: 0400\nb: 0o17\nc: 1_000\nd: 0800\ne: .5\nf: 1e3\n' },
  { name: 'words', text: 'a: yes\nb: NO\nc: ~\nd: nULL\ne: =\n' },
  { name: 'times and dates', text: 'a: 12:30:45\nb: 2001-12-14\nc: 2001-12-14t21:59:43.10-05:00\n' },
  { name: 'binary', text: 'a: !!binary aGVsbG8=\nb: !!binary |\n  aGVs\n  bG8=\nc: !!str 0400\n' },
  { name: 'binary that is not base64', text: 'a: !!binary a-b_\n' },
  { name: 'Latin-1', text: Buffer.from('a: p\xE4ss\n', 'latin1') },
  {
    name: 'content after an end',
    text: 'a: 1\n...\nb: 2\n',
    decided: 'Content after `...`',
    ours: [{ a: 1 }, { b: 2 }],
  },
  {
    name: 'a byte order mark before a mark',
    text: 'a: 1\n\uFEFF---\nb: 2\n',
    decided: 'A byte order mark before a later document',
    ours: [{ a: 1 }, { b: 2 }],
  },
  {
    name: 'binary that is not text',
    text: 'a: !!binary /w==\n',
    decided: '`!!binary` whose bytes are not UTF-8',
    ours: 'refused',
  },
  { name: 'keys', text: 'on: 1\n0400: 2\n', decided: 'Keys such as `on:` and `0400:`', ours: [{ on: 1, '0400': 2 }] },
  { name: 'repeated keys', text: 'a: 1\na: 2\n', decided: 'Repeated keys', ours: 'refused' },
  {
    name: 'JSON after a mark',
    text: '---\n{"a": 1}\n{"b": 2}\n',
    decided: 'Several JSON objects in a row',
    ours: [{ a: 1 }, { b: 2 }],
  },
  { name: 'another tag', text: 'a: !mine x\n', decided: 'Custom tags', ours: 'refused' },
];
