// `npm run test:conformance`: other people's tools against the compiled daemon. csi-sanity, the public conformance
// suite of the Container Storage Interface, once per publisher; grpcurl, which knows our services by reflection only;
// kustomize, which builds what we build; and in small programs in Go, Kubernetes' own readers and printer of YAML, and
// kubectl's `create` and jsonpath; and promtool, which reads the alerts and the dashboard's queries. It prints which
// tools are missing; with CI=true a missing tool or publisher is a failure.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { runCsiSanity } from './conformance/csi-sanity.mjs';
import { prepareExamples, runExamples } from './conformance/examples.mjs';
import { withFreshDaemon } from './conformance/fresh-daemon.mjs';
import { buildGoProgram, CSI_SANITY, findGoTool, GRPCURL, KUSTOMIZE } from './conformance/go-tool.mjs';
import { runCsiPage, runGrpcurl } from './conformance/grpcurl.mjs';
import { KUBECTL_CREATE, runCreateCalls, runJsonPaths } from './conformance/kubectl-create.mjs';
import { KUBERNETES_YAML, runKubernetesYaml } from './conformance/kubernetes-yaml.mjs';
import { runKustomize, runKustomizePipe } from './conformance/kustomize.mjs';
import { findPromtool, runPromtool } from './conformance/promtool.mjs';
import { report } from './conformance/report.mjs';
import { runRoundTrips } from './conformance/round-trips.mjs';
import { runTool } from './conformance/run-tool.mjs';
import { checkSeccompProfile } from './conformance/seccomp.mjs';
import { mayMount } from './prerequisites.mjs';

const TOP = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(TOP, '.cache/go');
const MAIN = join(TOP, 'dist/main.js');

const isCi = process.env.CI === 'true';
const interrupted = new AbortController();
for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(name, () => interrupted.abort(new Error(`stopped by ${name}`)));
}
const { signal } = interrupted;

try {
  await bootstrap();
  const notRun = await runAll();
  for (const reason of notRun) console.log(`not run here: ${reason}`);
  if (isCi && notRun.length > 0) {
    console.log('CI must run all of it');
    process.exitCode = 1;
  }
} catch (error) {
  console.error(`lantern: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
}

/** @returns {Promise<readonly string[]>} what did not run, and why */
async function runAll() {
  const notRun = [];
  const publishers = /** @type {('bind' | 'direct')[]} */ (mayMount() ? ['bind', 'direct'] : ['direct']);
  if (!publishers.includes('bind')) notRun.push('the bind publisher: needs root that may mount');
  const seccomp = checkSeccompProfile();
  if ('reason' in seccomp) notRun.push(seccomp.reason);
  else report('the seccomp profile', 'check', seccomp);
  const promtool = await findPromtool(join(TOP, '.cache/prometheus'), signal);
  if (promtool.path === undefined) notRun.push(promtool.reason);
  else report('alerts and dashboard, with promtool', 'files', await runPromtool(promtool.path, signal));
  const csiSanity = await findGoTool(CSI_SANITY, CACHE, signal);
  const grpcurl = await findGoTool(GRPCURL, CACHE, signal);
  const kustomize = await findGoTool(KUSTOMIZE, CACHE, signal);
  const kubernetesYaml = await buildGoProgram(KUBERNETES_YAML, CACHE, signal);
  const kubectlCreate = await buildGoProgram(KUBECTL_CREATE, CACHE, signal);
  const tools = [csiSanity, grpcurl, kustomize, kubernetesYaml, kubectlCreate];
  for (const tool of tools) if (tool.path === undefined) notRun.push(tool.reason);
  const examples = await prepareExamples(CACHE, signal);
  if (examples.kit === undefined) notRun.push(examples.reason);

  if (kustomize.path !== undefined) report('kustomize', 'kustomizations', await runKustomize(kustomize.path, signal));
  if (kubernetesYaml.path !== undefined) {
    report('YAML, against sigs.k8s.io/yaml', 'texts', await runKubernetesYaml(kubernetesYaml.path, signal));
  }
  if (kubectlCreate.path !== undefined) {
    report('create, against kubectl', 'calls', await runCreateCalls(kubectlCreate.path, signal));
    report('jsonpath, against kubectl', 'templates', await runJsonPaths(kubectlCreate.path, signal));
  }
  if (tools.every(({ path }) => path === undefined)) return notRun;
  if (grpcurl.path !== undefined && publishers.includes('bind')) {
    report('docs/csi.md', 'commands', await runCsiPage(grpcurl.path, signal));
  }
  for (const publisher of publishers) {
    await withFreshDaemon(publisher, async (daemon) => {
      await applySecret(daemon);
      if (csiSanity.path !== undefined) {
        report(`csi-sanity, ${publisher} publisher`, 'specs', await runCsiSanity(csiSanity.path, daemon, signal));
      }
      if (grpcurl.path !== undefined) {
        report(`grpcurl, ${publisher} publisher`, 'checks', await runGrpcurl(grpcurl.path, daemon, signal));
      }
      if (examples.kit !== undefined) {
        report(`examples, ${publisher} publisher`, 'programs', await runExamples(examples.kit, daemon, signal));
      }
      if (kubernetesYaml.path !== undefined && publisher === 'direct') {
        report('objects there and back', 'checks', await runRoundTrips(kubernetesYaml.path, daemon, signal));
      }
      if (kustomize.path !== undefined && publisher === 'direct') {
        report('kustomize build | lantern apply', 'checks', await runKustomizePipe(kustomize.path, daemon, signal));
      }
    });
  }
  return notRun;
}

/** The Secret that csi-sanity's volumes project. @param {import('./conformance/fresh-daemon.mjs').FreshDaemon} daemon */
async function applySecret({ lanternSocket }) {
  const args = ['create', 'secret', 'generic', 'conformance', '--from-literal=key=value', '--socket', lanternSocket];
  const { code, stderr } = await runTool(process.execPath, [MAIN, ...args], { signal });
  if (code !== 0) throw new Error(`create the Secret for csi-sanity: ${stderr.trim()}`);
}
