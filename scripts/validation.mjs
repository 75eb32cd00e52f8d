// `npm run test:validation`: thousands of Pods and objects before an API server's decoder and validation, and before
// Lantern's parsers. A run of its own, since the program in Go takes minutes to build the first time. Without Go it
// prints that; with CI=true that is a failure.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { buildGoProgram } from './conformance/go-tool.mjs';
import {
  checkKubernetesApi,
  KUBERNETES_VALIDATION,
  runKubernetesValidation,
} from './conformance/kubernetes-validation.mjs';
import { report } from './conformance/report.mjs';

const CACHE = fileURLToPath(new URL('../.cache/go', import.meta.url));

const interrupted = new AbortController();
for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(name, () => interrupted.abort(new Error(`stopped by ${name}`)));
}

try {
  await bootstrap();
  await run(interrupted.signal);
} catch (error) {
  console.error(`lantern: ${/** @type {Error} */ (error).message}`);
  process.exitCode = 1;
}

/** @param {AbortSignal} signal */
async function run(signal) {
  console.error(`lantern: building ${join(CACHE, KUBERNETES_VALIDATION.name)}, some minutes the first time`);
  const program = await buildGoProgram(KUBERNETES_VALIDATION, CACHE, signal);
  if (program.path === undefined) {
    console.log(`not run here: ${program.reason}`);
    if (process.env.CI === 'true') process.exitCode = 1;
    return;
  }
  report("the list of the API's fields and kinds", 'check', checkKubernetesApi());
  const { pods, objects, decisions } = await runKubernetesValidation(program.path, signal);
  report("Pods, against Kubernetes' validation", 'verdicts', pods);
  report("objects, against Kubernetes' validation", 'verdicts', objects);
  report('docs/differences.md', 'decided differences', decisions);
}
