import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { formatTree, type TreeLine } from '../../../../src/cli/output/table.ts';
import { styleFor } from '../../../../src/cli/output/text.ts';

const PLAIN = styleFor(false);

function entry(path: string, facts: Partial<TreeLine> = {}): TreeLine {
  return { path, type: 'FILE', mode: 0o644, user: 0, group: 0, size: 0, linkTarget: '', ...facts };
}

test('directories, files and links, with strokes only where more follows', () => {
  const directory = { type: 'DIRECTORY', mode: 0o755 } as const;
  const entries = [
    entry('..2026', directory),
    entry('..2026/a', { ...directory, mode: 0o2755, group: 1000 }),
    entry('..2026/a/b', { mode: 0o400, size: 12 }),
    entry('..2026/a/c', { size: 2048, user: 1000 }),
    entry('..2026/d'),
    entry('..data', { type: 'SYMLINK', mode: 0o777, size: 6, linkTarget: '..2026' }),
    entry('z', directory),
    entry('z/last'),
  ];
  expect(formatTree('volume', entries, PLAIN)).toBe(
    [
      'volume',
      '├── ..2026/           0755  0:0',
      '│   ├── a/            2755  0:1000',
      '│   │   ├── b         0400  0:0  12 B',
      '│   │   └── c         0644  1000:0  2.0 KiB',
      '│   └── d             0644  0:0  0 B',
      '├── ..data -> ..2026',
      '└── z/                0755  0:0',
      '    └── last          0644  0:0  0 B',
    ].join('\n'),
  );
});

test('an empty volume is its root', () => {
  expect(formatTree('volume', [], PLAIN)).toBe('volume');
});

test('a name cannot steer the terminal', () => {
  expect(formatTree('v', [entry('a\u001b[2J\n')], PLAIN)).toBe('v\n└── a\\x1b[2J\\x0a  0644  0:0  0 B');
});

test('colour does not shift columns', () => {
  const entries = [entry('d', { type: 'DIRECTORY' }), entry('d/file')];
  const coloured = formatTree('v', entries, styleFor(true));
  expect(coloured).toContain('\u001b[');
  expect(stripVTControlCharacters(coloured)).toBe(formatTree('v', entries, PLAIN));
});
