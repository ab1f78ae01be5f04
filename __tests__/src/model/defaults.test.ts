import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { BUILD_AGENT_TYPE, CAPABILITY_DOMAIN } from '../../../src/model/capability';
import * as defaults from '../../../src/model/defaults';

const ROOT = join(__dirname, '../../..');

/** What is unmistakable in a literal: a port or a place that `src/model/defaults.ts` has. */
const DISTINCTIVE =
  /\b(12220|12221|12230|18000)\b|127\.0\.0\.1:8000|id_build|\.ssh\/config|\.cache\/buildfleet|\.local\/state\/buildfleet/;

function sources(directory: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(directory, name));
}

/** Literals of a file with a default in them; comments are none. */
function literalsWithDefaults(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  if (!DISTINCTIVE.test(text)) return [];
  const found: string[] = [];
  const look = (node: ts.Node): void => {
    const isLiteral =
      ts.isStringLiteral(node) ||
      ts.isNumericLiteral(node) ||
      ts.isNoSubstitutionTemplateLiteral(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddleOrTemplateTail(node);
    if (isLiteral && DISTINCTIVE.test(node.text)) found.push(`${file}: ${node.text}`);
    ts.forEachChild(node, look);
  };
  look(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
  return found;
}

test('defaults stand once', () => {
  const files = ['src', 'constructs', 'stacks'].flatMap(sources);
  expect(files.length).toBeGreaterThan(100);
  const elsewhere = files.filter((file) => file !== 'src/model/defaults.ts').flatMap(literalsWithDefaults);
  expect(elsewhere).toEqual([]);
});

const {
  DEFAULT_SSHD_PORT: sshdPort,
  DEFAULT_HUB_PORT: hubPort,
  DEFAULT_HEARTBEAT_SECONDS: heartbeat,
  GUEST_HUB_PORT: guestHubPort,
  DEFAULT_TUNNEL_PORTS: { first, last },
} = defaults;

test.each([
  ['assets/haskell/files/build-agent.env.template', `STATE_HUB_URL="http://127.0.0.1:${guestHubPort}"`],
  ['assets/haskell/files/build-agent.env.template', `HEARTBEAT_SECONDS="${heartbeat}"`],
  ['assets/haskell/files/build-agent.py', `or "http://127.0.0.1:${guestHubPort}"`],
  ['assets/haskell/files/build-agent.py', `environ.get("HEARTBEAT_SECONDS") or "${heartbeat}"`],
  ['assets/haskell/files/build-agent.py', `CAPABILITY_TYPE = "${BUILD_AGENT_TYPE}"`],
  ['assets/haskell/files/build-hub.socket', `ListenStream=127.0.0.1:${guestHubPort}\n`],
  ['assets/haskell/scripts/inject-keys.sh', `STATE_HUB_URL="http://127.0.0.1:${guestHubPort}"`],
  ['assets/haskell/scripts/inject-keys.sh', ` relay_port=${sshdPort} `],
  ['assets/haskell/scripts/inject-keys.sh', `hub_port=${hubPort} domain=${CAPABILITY_DOMAIN} heartbeat=${heartbeat} `],
  ['assets/haskell/scripts/inject-keys.sh', `--relay-port PORT       default ${sshdPort}`],
  ['assets/haskell/scripts/inject-keys.sh', `beside that sshd, default ${hubPort}`],
  ['assets/haskell/scripts/inject-keys.sh', `--heartbeat SECONDS     default ${heartbeat}`],
  ['assets/haskell/scripts/inject-keys.sh', `${defaults.STATE_HOME.slice(2)}/seeds/`],
  ['assets/haskell/scripts/setup-vm.sh', `$HOME/${defaults.STATE_HOME.slice(2)}/$name-console.log`],
  ['constructs/workstation.ts', `@default ${sshdPort}`],
  ['constructs/workstation.ts', `@default { first: ${first}, last: ${last} }`],
  ['constructs/workstation.ts', `@default ${hubPort}`],
  ['constructs/workstation.ts', `@default ['${defaults.DEFAULT_DEVELOPER_KEY}']`],
  ['constructs/workstation.ts', `@default '${defaults.DEFAULT_OPERATOR_SSH_CONFIG}'`],
  ['constructs/build-vm.ts', `@default ${defaults.DEFAULT_VM_CPUS}`],
  ['constructs/build-vm.ts', `@default ${defaults.DEFAULT_VM_MEMORY.toMebibytes() / 1024} GiB`],
  ['constructs/build-vm.ts', `@default ${heartbeat} seconds`],
  ['constructs/build-vm.ts', `@default ${defaults.DEFAULT_READY_TIMEOUT_SECONDS / 60} minutes`],
  ['constructs/build-vm.ts', `@default ${defaults.DEFAULT_DRAIN_TIMEOUT_SECONDS / 60} minutes`],
  ['stacks/fleet-stack.ts', `@default \`${defaults.STATE_HOME}/NAME\``],
  ['stacks/fleet-stack.ts', `@default \`${defaults.DEFAULT_CACHE_DIRECTORY}\``],
])('%s repeats the default of the model: %s', (file, text) => {
  expect(readFileSync(join(ROOT, file), 'utf8')).toContain(text);
});
