import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import type { KindName } from '../kinds.ts';
import { ageSince, formatSize, formatTable, type Headings } from '../output/table.ts';
import { printable } from '../output/text.ts';

type TableOptions = {
  /** Milliseconds since 1970, for ages. */
  readonly now: number;
  readonly wide: boolean;
  readonly withNamespace: boolean;
  /** Prints names as `secret/db`, for output with several kinds. */
  readonly withKind: boolean;
  /** Labels with a column of their own. */
  readonly labelColumns: readonly string[];
  readonly withLabels: boolean;
  readonly withHeadings: boolean;
};

type Column = { readonly heading: string; readonly cell: (object: WireObject) => string };

/** The columns are those of kubectl. */
export function objectTable(kind: KindName, objects: readonly WireObject[], options: TableOptions): string {
  return formatTable(objectHeadings(kind, options), objectRows(kind, objects, options));
}

export function objectHeadings(kind: KindName, options: TableOptions): Headings {
  if (!options.withHeadings) return undefined;
  return columnsFor(kind, options).map(({ heading }) => heading);
}

export function objectRows(kind: KindName, objects: readonly WireObject[], options: TableOptions): string[][] {
  const columns = columnsFor(kind, options);
  return objects.map((object) => columns.map(({ cell }) => printable(cell(object))));
}

function columnsFor({ kind, singular }: KindName, options: TableOptions): Column[] {
  const prefix = options.withKind ? `${singular}/` : '';
  return [
    ...(options.withNamespace
      ? [{ heading: 'NAMESPACE', cell: (object: WireObject) => object.metadata?.namespace ?? '' }]
      : []),
    { heading: 'NAME', cell: (object) => prefix + (object.metadata?.name ?? '') },
    ...COLUMNS[kind],
    { heading: 'AGE', cell: (object) => ageSince(object.metadata?.creationTimestamp ?? '', options.now) },
    ...(options.wide ? WIDE_COLUMNS : []),
    ...options.labelColumns.map(labelColumn),
    ...(options.withLabels ? [{ heading: 'LABELS', cell: labelsOf }] : []),
  ];
}

const COLUMNS: Readonly<Record<KindName['kind'], readonly Column[]>> = {
  Secret: [
    { heading: 'TYPE', cell: (object) => object.secret?.type ?? '' },
    { heading: 'DATA', cell: countOfKeys },
  ],
  ConfigMap: [{ heading: 'DATA', cell: countOfKeys }],
  ServiceAccount: [{ heading: 'SECRETS', cell: (object) => String(object.serviceAccount?.secrets.length ?? 0) }],
  ProjectedVolume: [],
  UnitCredentials: [
    { heading: 'UNITS', cell: (object) => object.unitCredentials?.units.join(',') ?? '' },
    { heading: 'CREDENTIALS', cell: (object) => String(object.unitCredentials?.credentials.length ?? 0) },
  ],
};

/** kubectl does not have these columns. */
const WIDE_COLUMNS: readonly Column[] = [
  { heading: 'SIZE', cell: sizeOf },
  { heading: 'REVISION', cell: (object) => object.metadata?.resourceVersion ?? '' },
];

/** As in kubectl, the heading lacks the label's prefix, and an absent label is a blank. */
function labelColumn(key: string): Column {
  const heading = key.slice(key.lastIndexOf('/') + 1).toUpperCase();
  return { heading: printable(heading), cell: ({ metadata }) => metadata?.labels[key] ?? '' };
}

function labelsOf({ metadata }: WireObject): string {
  const labels = Object.entries(metadata?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return labels.length === 0 ? '<none>' : labels.sort().join(',');
}

function sizes(object: WireObject): number[] {
  return Object.values(object.secret?.sizes ?? object.configMap?.sizes ?? {});
}

function countOfKeys(object: WireObject): string {
  return String(sizes(object).length);
}

function sizeOf(object: WireObject): string {
  if (object.secret === undefined && object.configMap === undefined) return '<none>';
  return formatSize(sizes(object).reduce((total, size) => total + size, 0));
}
