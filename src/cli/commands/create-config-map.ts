import { isUtf8 } from 'node:buffer';
import type { Command } from 'commander';
import { nameSuffix } from '../../objects/name-suffix.ts';
import type { ObjectDraft } from '../../objects/object.ts';
import type { Cli } from '../cli.ts';
import { addCreateOptions, type CreateOptions, createObject } from '../create-object.ts';
import { defineCommand } from '../define-command.ts';
import { addValueOptions, readValues, type ValueOptions } from '../object-values.ts';

/** `lantern create configmap`: values that are not UTF-8 text go to binaryData, as with kubectl. */
export function createConfigMapCommand(cli: Cli): Command {
  const command = defineCommand('configmap', 'Create a ConfigMap from files, directories or literal values.', [
    'lantern create configmap settings --from-literal=colour=blue --from-file=app.conf',
    'lantern create configmap settings --from-env-file=settings.env',
  ])
    .alias('cm')
    .argument('<NAME>', 'name of the ConfigMap');
  return addCreateOptions(addValueOptions(command)).action(
    async (name: string, options: CreateOptions & ValueOptions) => {
      await createObject(cli, command, configMapDraft(name, await readValues(options, cli), options), options);
    },
  );
}

function configMapDraft(
  name: string,
  values: ReadonlyMap<string, Uint8Array>,
  { appendHash, namespace = 'default' }: CreateOptions,
): ObjectDraft {
  const texts = [...values].filter(([, value]) => isUtf8(value));
  const data = new Map(texts.map(([key, value]) => [key, Buffer.from(value).toString('utf8')]));
  const binaryData = new Map([...values].filter(([, value]) => !isUtf8(value)));
  const fullName = appendHash ? `${name}-${nameSuffix({ kind: 'ConfigMap', name, data, binaryData })}` : name;
  const metadata = { name: fullName, namespace, labels: new Map(), annotations: new Map() };
  return { kind: 'ConfigMap', metadata, data, binaryData, immutable: false };
}
