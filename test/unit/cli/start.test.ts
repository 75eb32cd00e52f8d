import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { TOP } from '../../support/suite/compiled.ts';

/** The packages that a file of `src` loads at once: through imports of values, not through `import()`. */
function packagesOf(path: string): string[] {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(file, 'utf8');
    for (const [, from = ''] of text.matchAll(/^(?:import|export) (?!type\b)[^;]*?\bfrom '([^']+)';/gm)) {
      if (from.startsWith('.')) visit(join(dirname(file), from));
      else if (!from.startsWith('node:')) packages.add(from);
    }
  };
  visit(join(TOP, 'src', path));
  return [...packages].sort();
}

test('the program starts with commander alone', () => {
  expect(packagesOf('main.ts')).toEqual(['commander']);
});

test.each(['config', 'create', 'delete', 'get', 'mount', 'pod', 'render', 'unmount', 'version', 'volumes', 'wait'])(
  'lantern %s loads no parser, schema, native part or gRPC before it needs them',
  (command) => {
    expect(packagesOf(`cli/commands/${command}.ts`).filter((name) => name !== 'commander')).toEqual([]);
  },
);

test('an import of a value is seen', () => {
  expect(packagesOf('rpc/client.ts')).toContain('@grpc/grpc-js');
});

test('messages of objects need no schemas, so `get -o yaml` and `create` do without them', () => {
  expect(packagesOf('rpc/lantern/object-messages.ts')).toEqual(['yaml']);
});

test('the daemon loads no store, no client of a store and no page before it is configured', () => {
  const heavy = ['etcd3', 'classic-level', 'memfs', 'prom-client'];
  expect(packagesOf('daemon.ts').filter((name) => heavy.includes(name))).toEqual([]);
});
