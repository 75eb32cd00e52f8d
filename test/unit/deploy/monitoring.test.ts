import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Metrics } from '../../../src/operations/metrics.ts';
import { TOP } from '../../support/suite/compiled.ts';
import { sourceFiles } from '../architecture/source-files.ts';

type Rule = { readonly alert: string; readonly expr: string };
type Panel = { readonly title: string; readonly targets?: readonly { readonly expr: string }[] };

const read = (path: string): string => readFileSync(join(TOP, path), 'utf8');
const rules: readonly Rule[] = parse(read('deploy/monitoring/alerts.yaml')).groups[0].rules;
const { panels }: { readonly panels: readonly Panel[] } = JSON.parse(read('deploy/monitoring/dashboard.json'));
const queries = [
  ...rules.map(({ alert, expr }) => ({ name: alert, expr })),
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ name: `panel "${title}"`, expr }))),
];

const { registry } = new Metrics();
const source = sourceFiles('src')
  .map(({ text }) => text)
  .join('\n');
/** Of the gauges that are made when the daemon is complete. */
const gauges = new Map([['lantern_volumes', ['state']]]);

/** The labels of a metric, or undefined if the daemon has none of this name. */
function labelsOf(name: string): readonly string[] | undefined {
  const family = name.replace(/_(?:bucket|sum|count)$/, '');
  const metric = registry.getSingleMetric(name) ?? registry.getSingleMetric(family);
  if (metric !== undefined) return [...Reflect.get(metric, 'labelNames'), ...(name.endsWith('_bucket') ? ['le'] : [])];
  return source.includes(`'${name}'`) ? (gauges.get(name) ?? []) : undefined;
}

describe('queries of the alerts and of the dashboard', () => {
  test.each(queries)('$name: $expr', ({ expr }) => {
    // Prometheus itself makes the series `up`.
    const selectors = [...expr.matchAll(/\b(?:lantern|process|nodejs)_\w+(?:\{([^}]*)\})?/g)];
    expect(selectors.length > 0 || expr.startsWith('up{')).toBe(true);
    for (const [selector, matchers = ''] of selectors) {
      const labels = labelsOf(selector.replace(/\{.*/, ''));
      expect(labels, `the daemon has the metric ${selector}`).toBeDefined();
      for (const [, label = '', values = ''] of matchers.matchAll(/(\w+)(?:=|!=|=~)"([^"]*)"/g)) {
        expect([...(labels ?? []), 'job', 'instance']).toContain(label);
        const unknown = values.split('|').filter((value) => !value.startsWith('$') && !isWritten(label, value));
        expect(unknown, `values of ${label} in the code`).toEqual([]);
      }
    }
    for (const [, grouping = ''] of expr.matchAll(/\b(?:by|without) \(([^)]*)\)/g)) {
      const known = selectors.flatMap(([selector]) => labelsOf(selector.replace(/\{.*/, '')) ?? []);
      expect(known).toEqual(expect.arrayContaining(grouping.split(', ')));
    }
  });
});

function isWritten(label: string, value: string): boolean {
  const written = label === 'grpc_code' ? value.toLowerCase().replaceAll('_', '-') : value;
  return source.includes(`'${written}'`);
}

test('every alert is on the page, and fires in a test of promtool', () => {
  const names = rules.map(({ alert }) => alert);
  const rows = [...read('docs/metrics.md').matchAll(/^\| (`Lantern.*?) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
  );
  expect(rows.sort()).toEqual([...names].sort());
  const tests = read('scripts/conformance/alerts-test.yaml');
  expect(names.filter((name) => !tests.includes(`alertname="${name}"`))).toEqual([]);
});
