/** Tried in this order on a command line that is wrong. `$1` is the first group. */
type Advice = readonly [pattern: RegExp, advice: string];

const SOCKET = 'a daemon is found by its socket: --socket PATH, LANTERN_SOCKET, or "lantern config set socket PATH"';
const CONTAINERS = 'Lantern starts no containers; ask what runs them (kubectl, docker compose, systemctl)';

const ANY = 'get|describe|create|edit|label|annotate|patch|delete';
/** Those that one may expect beside Secrets. */
const OTHER_KINDS = [
  'no|nodes?|svc|services?|deploy|deployments?|rs|replicasets?|sts|statefulsets?|ds|daemonsets?|jobs?|cj|cronjobs?',
  'ing|ingress|ingresses|pvc?|persistentvolumes?|persistentvolumeclaims?|crds?|roles?|rolebindings?|clusterroles?',
].join('|');

/** Flags, with values or without, may precede the kind. What follows it is a name, and names may be any word. */
function asking(commands: string, kinds: string): RegExp {
  return new RegExp(`^(?:${commands}) (?:-\\S+ (?:[^-\\s]\\S* )?)*?(?:[^-\\s]\\S*,)?(${kinds})(?:[/, ]|$)`);
}

/** Habits of kubectl that Lantern does not serve, on purpose. */
export const ADVICE: readonly Advice[] = [
  [/^explain\b/, 'there is no "explain"; the fields are those of https://kubernetes.io/docs/reference/kubernetes-api'],
  [/^(?:logs|attach|debug)\b/, `${CONTAINERS}; what happens to volumes is in "lantern events" and "lantern watch"`],
  [/^rollout restart\b/, 'there is no "rollout"; "lantern refresh ID" updates a volume now'],
  [/^rollout\b/, 'there is no "rollout"; "lantern wait volume ID --for=condition=Ready" waits for a volume'],
  [/^(?:run|expose|scale|autoscale|set)\b/, CONTAINERS],
  [/^(?:port-forward|proxy)\b/, `there is no port to forward; ${SOCKET}`],
  [/^cp\b/, 'files of volumes are read where they are mounted: "lantern volumes -o wide" shows the targets'],
  [/^top\b/, 'memory and numbers of volumes are metrics: "lantern serve --metrics-address", docs/metrics.md'],
  [/^cluster-info\b/, 'there is no cluster; "lantern health" asks the daemon, "lantern config view" shows its socket'],
  [/^(?:auth|certificate)\b/, 'there are no roles: who may open the socket may do everything ("lantern serve --help")'],
  [/^apply\b.* --force(?![\w-])/, 'to change what is immutable, delete and create it: lantern replace --force -f FILE'],
  [/^apply (?:view|edit|set)-last-applied\b/, 'what "apply" recorded are names of keys, without values: docs/store.md'],
  [/^(?:apply|create|delete|diff|replace) ((?!-)\S*\.(?:ya?ml|json))(?: |$)/, 'manifests are named with -f: -f $1'],
  [/^create\b.* --save-config\b/, 'what "lantern apply -f FILE" creates is recorded, and what "create" does is not'],
  [/^delete\b.* (?:-A|--all-namespaces)(?![\w-])/, '"delete" deletes in one namespace at a time: -n NAMESPACE'],
  [/^delete\b.* --field-selector\b/, 'objects to delete are chosen by their names, with -l SELECTOR or with --all'],
  [/^delete\b.* (?:-i|--interactive)(?![\w-])/, 'with --dry-run=server, "delete" only says what it would delete'],
  [/^(?:cordon|uncordon|drain|taint)\b/, 'there are no nodes: each daemon serves its own machine'],
  [/^api-versions\b/, 'there is no "api-versions"; "lantern api-resources" shows the version of each kind'],
  [/^options\b/, 'there is no "options"; "lantern COMMAND --help" shows those of all commands, too'],
  [/^plugin\b/, 'there are no plugins; "lantern --help" lists all commands'],
  [
    /^exec\b(?!.* (?:-f|--filename))/,
    '"exec" runs a command here, as in a pod\'s container: lantern exec -f pod.yaml -- COMMAND',
  ],
  [
    /^config view\b.* -/,
    '"lantern config view" is a table of the namespace and the socket; LANTERN_NAMESPACE and LANTERN_SOCKET set them',
  ],
  [
    /^config set-context\b(?!.* --current\b).* --namespace[ =](\S+)/,
    'there are no contexts; type: lantern config set namespace $1',
  ],
  [
    /^config (?!set-context\b.* --current\b)\S*-?(?:context|cluster|user|credentials)s?\b/,
    `there are no contexts; ${SOCKET}`,
  ],
  [
    asking('create', 'ns|namespace'),
    'a namespace needs no creation; use -n NAME, or "lantern config set namespace NAME"',
  ],
  [asking(ANY, 'ns|namespaces?'), 'a namespace exists while something is in it: "lantern get all -A" lists that'],
  [
    asking(`${ANY}|wait`, 'po|pods?'),
    'pods are mounted, not stored: "lantern pod mount", "pod status" and "pod unmount"',
  ],
  [asking('delete', 'volumes?'), 'volumes are mounted, not stored: "lantern unmount TARGET"'],
  [asking(ANY, 'volumes?'), 'volumes are mounted, not stored: "lantern volumes", or "lantern volume ID"'],
  [asking(ANY, OTHER_KINDS), '"$1" is not a stored kind; "lantern api-resources" lists the kinds that are'],
  [/ --(?:context|cluster|kubeconfig|server)(?![\w-])| -s\b/, SOCKET],
  [
    / --(?:user|token|as|as-group|client-\S+|certificate-authority)(?![\w-])/,
    'callers are known by the socket that they open',
  ],
  [/ --request-timeout\b/, 'there is no --request-timeout; type: timeout 10s lantern …'],
  [/ --?v[\d= ]/, 'commands have no log; "lantern serve --log-level debug" has one'],
  [
    / (?:(?:-o|--output)[ =]?(?:go-)?template|--template)/,
    "Go's templates are not supported; use -o jsonpath=…, -o custom-columns=…, or -o json with jq",
  ],
  [/ --raw\b/, 'there are no paths of an API; grpcurl calls the methods of docs/api.md at the socket'],
];

/** `args`: the words of a command line that is wrong. */
export function adviceFor(args: readonly string[]): string | undefined {
  const end = args.indexOf('--');
  const line = args.slice(0, end < 0 ? undefined : end).join(' ');
  for (const [pattern, advice] of ADVICE) {
    const found = pattern.exec(line);
    if (found !== null) return advice.replace('$1', found[1] ?? '');
  }
  return undefined;
}
