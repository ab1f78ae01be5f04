import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { keepLogsSmall } from '../files/bounded-logs';
import { DEFAULT_HUB_EXPIRY_DAYS } from '../model/defaults';
import type { ErrorCode } from '../model/error-codes';
import { FleetError, isFleetError } from '../model/errors';
import { FleetPaths } from '../model/paths';
import { printable } from '../model/printable';
import { runHub, type RunHubOptions } from './run';

const USAGE = 'usage: hub.js [--host 127.0.0.1] --port N --database PATH [--tunnels AUTHORIZED_KEYS] [--expire DAYS]';

/** Exit codes by error: 2 for wrong arguments, 1 for everything not listed. */
const EXIT_CODES = new Map<ErrorCode, number>([
  ['hub-usage', 2],
  ['hub-host', 2],
  ['hub-port-in-use', 3],
  ['hub-database-in-use', 4],
]);

async function main(): Promise<void> {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.once(name, () => {
      stop.abort();
    });
  // A terminal that closed must not end a hub that runs in the background.
  process.on('SIGHUP', () => undefined);
  const options = readArguments();
  const fleet = new FleetPaths(dirname(dirname(options.database)));
  // A fleet's hub is there for as long as its VMs, and their hypervisors write consoles without a limit.
  if (fleet.services === dirname(options.database)) keepLogsSmall(fleet.vms, stop.signal);
  await runHub({
    ...options,
    signal: stop.signal,
    onListening: ({ url }) => process.stdout.write(`State Hub at ${url}\n`),
  });
}

function readArguments(): Pick<RunHubOptions, 'host' | 'port' | 'database' | 'tunnels' | 'expiryDays'> {
  const options = {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string' },
    database: { type: 'string' },
    tunnels: { type: 'string' },
    expire: { type: 'string', default: String(DEFAULT_HUB_EXPIRY_DAYS) },
  } as const;
  let values: { host: string; port?: string; database?: string; tunnels?: string; expire: string };
  try {
    ({ values } = parseArgs({ options }));
  } catch (cause) {
    throw usage((cause as Error).message);
  }
  const { host, port, database, tunnels, expire } = values;
  if (port === undefined) throw usage('--port is missing');
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) throw usage(`--port is ${JSON.stringify(port)}`);
  if (!database) throw usage('--database is missing');
  if (!/^[1-9]\d{0,4}$/.test(expire)) throw usage(`--expire is ${JSON.stringify(expire)}`);
  const expiryDays = Number(expire);
  return { host, port: Number(port), database, expiryDays, ...(tunnels !== undefined && { tunnels }) };
}

function usage(problem: string): FleetError {
  return new FleetError({ code: 'hub-usage', problem, remedy: USAGE });
}

main().catch((error: unknown) => {
  process.stderr.write(`${printable(error instanceof Error ? error.message : String(error))}\n`);
  process.exitCode = isFleetError(error) ? (EXIT_CODES.get(error.code) ?? 1) : 1;
});
