import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const TOP = fileURLToPath(new URL('../..', import.meta.url));

const CONTROLS = '\b\f\u0001\u007f\t"\\/';

/** `words` follow `create`. @typedef {import('./kubectl-create.mjs').Decision & { words: readonly string[] }} CreateCall */

/** The files in the directory of the calls. @returns {Promise<Record<string, string | Uint8Array>>} */
export async function createFiles() {
  const { Authority } = await import(pathToFileURL(join(TOP, '.cache/tools/test/support/host/certificates.js')).href);
  const authority = new Authority('ca');
  const [one, two] = [authority.issue('one'), authority.issue('two')];
  return {
    'plain.txt': 'text\n',
    'empty.txt': '',
    'html.txt': '<a href="x">&amp;</a>\u2028\u2029\n',
    'bytes.bin': new Uint8Array([0, 1, 254, 255]),
    'mark.txt': '\uFEFFtext',
    'controls.txt': CONTROLS,
    'astral.txt': '\u{1F600}\uFFFD',
    'odd name!': 'x',
    '.hidden': 'h',
    'dir/a': '1',
    'dir/b.txt': '2',
    'odd-dir/a': '1',
    'odd-dir/not a key': '3',
    'dir/below/c': '4',
    'empty-dir/below/c': '4',
    'config.json': '{"auths":{"r.example":{"auth":"bWU6cHc="}}}',
    'tls.crt': one.cert,
    'chain.crt': one.cert + authority.cert,
    'wrong-chain.crt': authority.cert + one.cert,
    'tls.key': one.key,
    'other.key': two.key,
    'both.pem': one.key + one.cert,
    'marked.crt': `\uFEFF${one.cert}`,
    'marked.key': `\uFEFF${one.key}`,
    'commented.crt': `subject: one\n${one.cert}`,
    'simple.env': 'A=1\nB=two words\n\n# comment\n  C=x=y\nD=\n',
    'crlf.env': 'A=1\r\nB=2\r\n',
    'cr.env': 'A=1\r\nB=2\r',
    'inner-cr.env': 'A=1\rB=2\n',
    'export.env': 'export A=1\n',
    'marked.env': '\uFEFFA=1\nB=2',
    'inherited.env': 'FROM_ENVIRONMENT\nNOT_THERE\n',
    'spaces.env': 'A =1\n',
    'quotes.env': 'A="q"\nB=\'s\' # no comment\n',
    'digit.env': '1A=1\n',
    'dots.env': '.A=1\nA.B-C_D=2\n',
    'twice.env': 'A=1\nA=2\n',
    'bytes.env': new Uint8Array([0x41, 0x3d, 0xff, 0x0a]),
    'html.env': 'A=<&>\u2028\n',
    'comments.env': '# nothing\n\n',
    'long.env': `A=${'x'.repeat(70_000)}\nB=2\n`,
    'joined.env': 'A=1\n\uFEFFB=2\n',
  };
}

/** @param {string} line @param {...string} more words that hold blanks @returns {CreateCall} */
const call = (line, ...more) => ({ words: [...line.split(' ').filter((word) => word !== ''), ...more] });
/** @param {string} decided @param {'refused' | unknown} ours @param {CreateCall} which @returns {CreateCall} */
const differs = (decided, ours, which) => ({ ...which, decided, ours });

/** @param {Record<string, string>} data */
const secret = (data) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, type: 'Opaque', data });

const VALUES = [
  '--from-literal=k=v',
  '--from-literal=k=',
  '--from-literal=k=a=b',
  '--from-literal=b=2 --from-literal=a=1 --from-literal=10=x --from-literal=9=y',
  '--from-literal=k=<&>',
  '--from-literal=k=\u2028\u2029',
  '--from-literal=k=\u{1F600}',
  '--from-literal=a.b=1 --from-literal=a-b=2 --from-literal=a_b=3 --from-literal=A=4',
  '--from-literal=k=v --from-literal=k=w',
  '--from-literal=k',
  '--from-literal==v',
  '--from-literal=a/b=v',
  '--from-literal=..=v',
  '--from-file=plain.txt',
  '--from-file=renamed=plain.txt',
  '--from-file=empty.txt',
  '--from-file=html.txt',
  '--from-file=bytes.bin',
  '--from-file=mark.txt',
  '--from-file=astral.txt',
  '--from-file=.hidden',
  '--from-file=dir',
  '--from-file=dir/',
  '--from-file=empty-dir',
  '--from-file=k=dir',
  '--from-file=nope',
  '--from-file=k=nope',
  '--from-file==plain.txt',
  '--from-file=k=',
  '--from-file=a=b=c',
  '--from-file=plain.txt --from-file=dir --from-literal=k=v',
  '--from-file=plain.txt --from-file=plain.txt',
  '--from-env-file=simple.env',
  '--from-env-file=crlf.env',
  '--from-env-file=cr.env',
  '--from-env-file=inner-cr.env',
  '--from-env-file=export.env',
  '--from-env-file=marked.env',
  '--from-env-file=inherited.env',
  '--from-env-file=spaces.env',
  '--from-env-file=quotes.env',
  '--from-env-file=digit.env',
  '--from-env-file=dots.env',
  '--from-env-file=twice.env',
  '--from-env-file=bytes.env',
  '--from-env-file=html.env',
  '--from-env-file=comments.env',
  '--from-env-file=simple.env --from-env-file=quotes.env',
  '--from-env-file=nope.env',
  '--from-env-file=dir',
  '--from-env-file=simple.env --from-literal=k=v',
  '--from-env-file=simple.env --from-file=plain.txt',
  '',
];

const LOGIN = 'secret docker-registry s --docker-username=u';

/** @type {readonly CreateCall[]} */
export const CREATE_CALLS = [
  ...VALUES.flatMap((values) => [
    call(`secret generic s --append-hash ${values}`),
    call(`configmap m --append-hash ${values}`),
  ]),
  call('secret generic s --from-literal', 'k=two words'),
  call('configmap m --from-file', 'odd name!'),
  call('configmap m --from-file', 'k=odd name!'),
  ...['-o yaml', '-o json', '-o name', '-o=json', '-oyaml'].map((format) =>
    call(`secret generic s --from-literal=a=1 ${format}`),
  ),
  ...['-o json', '-o name'].map((format) => call(`configmap m --from-file=bytes.bin ${format}`)),
  ...['-o json', '-o name', '-o yaml', '-n team', ''].map((format) => call(`serviceaccount acc ${format}`)),
  ...['generic', 'docker-registry'].map((kind) => call(`secret ${kind} s -o nonsense --from-literal=a=1`)),
  call('secret generic s --type=example.com/mine --from-literal=a=1 --append-hash'),
  call('secret generic s --type=a&b --append-hash'),
  call('secret generic s --type=kubernetes.io/basic-auth --from-literal=username=u --from-literal=password=p'),
  call('secret generic s --type=kubernetes.io/tls --from-file=tls.crt --from-file=tls.key'),
  call('secret generic s -n team --append-hash'),
  ...['T', 'false', 'yes'].map((word) => call(`configmap m --append-hash=${word}`)),
  call('configmap m --namespace=team'),
  call('cm m --from-literal=k=v'),
  call('sa acc'),
  call('serviceaccount acc extra'),
  call('secret generic'),
  call('secret generic s extra'),
  call('configmap'),
  call('secret nonsense s'),
  call('secret generic s --nonsense'),
  call('secret generic', ''),
  call('configmap', ''),

  call('secret tls t --cert=tls.crt --key=tls.key --append-hash'),
  call('secret tls t --cert=chain.crt --key=tls.key --append-hash -n team'),
  call('secret tls t --cert=commented.crt --key=tls.key'),
  call('secret tls t --cert=both.pem --key=both.pem'),
  call('secret tls t --cert=wrong-chain.crt --key=tls.key'),
  call('secret tls t --cert=tls.crt --key=other.key'),
  call('secret tls t --cert=tls.key --key=tls.crt'),
  call('secret tls t --cert=marked.crt --key=tls.key'),
  call('secret tls t --cert=tls.crt --key=marked.key'),
  call('secret tls t --cert=plain.txt --key=tls.key'),
  call('secret tls t --cert=tls.crt --key=empty.txt'),
  call('secret tls t --cert=nope --key=tls.key'),
  call('secret tls t --cert=tls.crt'),
  call('secret tls t --cert= --key=tls.key'),
  call('secret tls t --cert=tls.crt --key='),

  call(`${LOGIN} --docker-password=p`),
  ...['p&<>', 'p"\\', 'p\u2028\u2029', 'ü\u{1F600}', 'p:w', '\b\f\u0001\u007f'].map((password) =>
    call(`${LOGIN} --append-hash`, `--docker-password=${password}`),
  ),
  call(`${LOGIN} --docker-password=p --docker-email=e@x --docker-server=r.example:5000/v2 --append-hash`),
  call(`${LOGIN} --docker-password=p --docker-server=a&b --append-hash`),
  call(`${LOGIN} --docker-password=p --docker-email= --append-hash`),
  call(`${LOGIN} --docker-password=p --docker-server=`),
  call(`${LOGIN} --docker-password=`),
  call(`${LOGIN}`),
  call('secret docker-registry s --docker-username= --docker-password=p'),
  call('secret docker-registry s --docker-password=p'),
  call('secret docker-registry s'),
  call('secret docker-registry s --from-file=config.json --append-hash'),
  call('secret docker-registry s --from-file=.dockerconfigjson=config.json'),
  call('secret docker-registry s --from-file=nope'),
  call('secret docker-registry s --from-file=config.json --docker-email='),
  call('secret generic s --append-hash --from-file=controls.txt'),

  ...[
    'secret generic s --type= --from-literal=a=1',
    'secret generic s --from-file=',
    'secret generic s --from-env-file=',
    'secret generic s --namespace=',
    'configmap m --from-file=',
    'configmap m --from-env-file=',
    'configmap m --namespace=',
    'serviceaccount acc --namespace=',
    'secret docker-registry s --from-file= --docker-username=u --docker-password=p',
    'secret docker-registry s --from-file=config.json --docker-server=',
  ].map((line) => differs('Empty options and arguments', 'refused', call(line))),
  ...['Upper', 'a_b', `${'a'.repeat(254)}`].map((name) =>
    differs('`--dry-run=client`', 'refused', call(`configmap ${name}`)),
  ),
  ...[
    'secret generic s --type=kubernetes.io/tls --from-literal=a=1',
    'secret generic s --from-literal=a=1 -n Team',
    'secret docker-registry s --from-file=plain.txt',
  ].map((line) => differs('`--dry-run=client`', 'refused', call(line))),
  differs(
    'A key other than `.dockerconfigjson`',
    'refused',
    call('secret docker-registry s --from-file=k=config.json'),
  ),
  ...['username=u', 'password=p', 'email=e'].map((login) =>
    differs(
      'Credentials with `--from-file`',
      'refused',
      call(`secret docker-registry s --from-file=config.json --docker-${login}`),
    ),
  ),
  differs('Commas in `--from-file`', 'refused', call('secret generic s --from-file=dir/a,dir/b.txt')),
  differs('Commas in `--from-file`', 'refused', call('configmap m --from-env-file=simple.env,dots.env')),
  ...['--from-file=odd-dir', '--from-file=plain.txt --from-file=odd-dir'].map((values) =>
    differs(
      'Files of a directory whose names are not valid keys',
      secret(values.includes('plain') ? { a: 'MQ==', 'plain.txt': 'dGV4dAo=' } : { a: 'MQ==' }),
      call(`secret generic s ${values}`),
    ),
  ),
  differs(
    'Lines of 64 KiB and more',
    secret({ A: Buffer.from('x'.repeat(70_000)).toString('base64'), B: 'Mg==' }),
    call('secret generic s --from-env-file=long.env'),
  ),
  differs(
    'A byte order mark before a later line',
    secret({ A: 'MQ==', B: 'Mg==' }),
    call('secret generic s --from-env-file=joined.env'),
  ),
  differs(
    'Control characters in a ConfigMap',
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { 'controls.txt': CONTROLS } },
    call('configmap m --from-file=controls.txt'),
  ),
];
