import { appendFileSync } from 'node:fs';
import { readProcess } from '../../process/process-identity';
import { tryLock } from '../../files/lock';
import { supervisorLock, supervisorPaths } from './service-list';
import { Supervisor } from './supervisor';

/** Exit code when another supervisor looks after this directory. */
const ALREADY_RUNNING = 3;

/** `node supervisor.js DIRECTORY`: keeps the programs of `DIRECTORY/services.json` running until SIGTERM. */
async function main(): Promise<void> {
  const directory = process.argv[2] ?? '';
  const { log } = supervisorPaths(directory);
  // A defect in one turn must not leave the services without a supervisor.
  process.on('uncaughtException', (error) => {
    appendFileSync(log, `defect: ${String(error.stack)}\n`, { mode: 0o600 });
  });
  const lock = tryLock(supervisorLock(directory));
  if ('holder' in lock) {
    process.exitCode = ALREADY_RUNNING;
    return;
  }
  const exit = () => {
    lock.release();
    process.exit(0);
  };
  const supervisor = new Supervisor(directory, {
    pid: process.pid,
    startTime: readProcess(process.pid)?.startTime ?? '',
  });
  process.on('SIGHUP', () => void supervisor.reload());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void supervisor.stop().then(exit));
  }
  // A newer supervisor takes over: the services go on.
  process.on('SIGUSR2', () => void supervisor.handOver().then(exit));
  await supervisor.start();
}

void main();
