import type { Object__Output as WireObject } from '../../rpc/generated/lantern/v1/Object.ts';
import { aligned, metadataRows, printableText } from './describe-object.ts';
import { printYaml } from './print-yaml.ts';

/** A ProjectedVolume in the shape of the other kinds, its spec as YAML. It has no events. No final newline. */
export function describeProjectedVolume({ metadata, projectedVolume }: WireObject): string {
  const spec = printYaml(JSON.parse(projectedVolume?.specJson || 'null'));
  const lines = printableText(spec).split('\n');
  return [...aligned(metadataRows(metadata)), '', 'Spec:', ...lines.map((line) => `  ${line}`)].join('\n');
}
