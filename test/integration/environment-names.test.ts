import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../src/rpc/client.ts';
import { CommandLine } from '../support/suite/command-line.ts';
import { rejectionOf } from '../support/suite/expectations.ts';

const OBJECTS = `
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {1badkey: a, good: c}
`;

const podOf = (container: string) => `
apiVersion: v1
kind: Pod
metadata: {name: named}
spec:
  automountServiceAccountToken: false
  containers: [${container}]
`;
/** Every name of its own is one that the strict rule takes. */
const FROM_KEYS = podOf('{name: app, image: i, envFrom: [{secretRef: {name: keys}}]}');
const RELAXED = podOf(`{name: app, image: i, envFrom: [{prefix: "p: ", secretRef: {name: keys}}],
    env: [{name: "a b", value: v}, {name: "2", value: "$(a b)"}]}`);
const NO_RULE = podOf('{name: app, image: i, env: [{name: "a=b", value: v}]}');

const SKIPPED = /InvalidEnvironmentVariableNames: Keys \[1badkey\] from the EnvFrom secret default\/keys were skipped/;

/** A daemon with these flags, and what each way of asking it for variables says. */
class Node implements AsyncDisposable {
  readonly shell = new CommandLine();

  async start(...flags: readonly string[]): Promise<void> {
    await this.shell.serve('--store', 'memory', ...flags);
    await this.shell.output('apply', '-f', this.shell.file('objects.yaml', OBJECTS));
  }

  async env(pod: string) {
    return await this.shell.run('env', '-f', this.shell.file('pod.yaml', pod), '-o', 'json');
  }

  async exec(pod: string) {
    const file = this.shell.file('pod.yaml', pod);
    const { stdout, ...outcome } = await this.shell.run('exec', '--clean-env', '-f', file, '--', '/usr/bin/env', '-0');
    return { ...outcome, variables: stdout.split('\0') };
  }

  /** As MountPod answers. */
  async pod(pod: string): Promise<Record<string, string>> {
    using client = connect(this.shell.socket);
    const rootPath = this.shell.target('named');
    try {
      const { containers } = await client.projector.mountPod({ manifest: pod, rootPath });
      const variables = containers.flatMap(({ environment }) => environment);
      return Object.fromEntries(variables.map(({ name, value }) => [name, Buffer.from(value).toString()]));
    } finally {
      await client.projector.unmountPod({ name: 'named', rootPath });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shell[Symbol.asyncDispose]();
  }
}

describe('by default', () => {
  let node: Node;
  beforeAll(async () => {
    node = new Node();
    await node.start();
  });
  afterAll(async () => await node[Symbol.asyncDispose]());

  test('keys that make no name are skipped, with the event', async () => {
    const env = await node.env(FROM_KEYS);
    expect(JSON.parse(env.stdout)).toEqual({ good: 'c' });
    expect(env.stderr).toMatch(SKIPPED);
    const exec = await node.exec(FROM_KEYS);
    expect(exec.variables).not.toContain('1badkey=a');
    expect(exec.variables).toContain('good=c');
    expect(exec.stderr).toMatch(SKIPPED);
    expect(await node.pod(FROM_KEYS)).toEqual({ good: 'c' });
  });

  test('names and prefixes of a manifest are refused, with what would take them', async () => {
    const hint = 'not start with a digit; a daemon with --relaxed-environment-names takes it';
    for (const { code, stderr } of [await node.env(RELAXED), await node.exec(RELAXED)]) {
      expect(code).toBe(1);
      for (const field of ['envFrom[0].prefix', 'env[0].name', 'env[1].name']) {
        expect(stderr).toContain(`${field}: must have letters, digits, '-', '_' and '.' only, and ${hint}`);
      }
    }
    const error = await rejectionOf(node.pod(RELAXED));
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toContain(`manifest.spec.containers[0].env[0].name: must have letters`);
  });
});

describe('--relaxed-environment-names', () => {
  let node: Node;
  beforeAll(async () => {
    node = new Node();
    await node.start('--relaxed-environment-names');
  });
  afterAll(async () => await node[Symbol.asyncDispose]());

  test('every key is a variable, without a word', async () => {
    const env = await node.env(FROM_KEYS);
    expect(JSON.parse(env.stdout)).toEqual({ '1badkey': 'a', good: 'c' });
    expect(env.stderr).toBe('');
    expect((await node.exec(FROM_KEYS)).variables).toEqual(expect.arrayContaining(['1badkey=a', 'good=c']));
  });

  test('names and prefixes of printable ASCII', async () => {
    const variables = { 'p: 1badkey': 'a', 'p: good': 'c', 'a b': 'v', '2': 'v' };
    expect(JSON.parse((await node.env(RELAXED)).stdout)).toEqual(variables);
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    expect((await node.exec(RELAXED)).variables).toEqual(expect.arrayContaining(lines));
    expect(await node.pod(RELAXED)).toEqual(variables);
  });

  test('the equals sign ends a name, so no rule takes it', async () => {
    const { code, stderr } = await node.env(NO_RULE);
    expect(code).toBe(1);
    expect(stderr).toContain('spec.containers[0].env[0].name: must have printable ASCII characters other than');
    await expect(node.pod(NO_RULE)).rejects.toThrow(/env\[0\]\.name: must have printable ASCII/);
  });

  test('a format that has no such names says which it leaves out', async () => {
    const file = node.shell.file('pod.yaml', RELAXED);
    const { stdout, stderr } = await node.shell.run('env', '-f', file, '-o', 'dotenv');
    expect(stdout).toBe('2=v\n');
    expect(stderr.match(/warning: .* skipped: invalid as a variable name of a dotenv file/g)).toHaveLength(3);
  });
});
