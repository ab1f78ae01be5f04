import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A hub as it runs on a workstation: the bundle as a process of its own. */
export interface BundledHub {
  readonly url: string;
  readonly child: ChildProcess;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

const running = new Set<ChildProcess>();

/** Starts the bundle; rejects with its standard error when it ends before it listens. */
export async function startBundledHub(
  script: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<BundledHub> {
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  running.add(child);
  const ended = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    return (code ?? signal) as number | string;
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const url = await new Promise<string>((done, fail) => {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const found = /State Hub at (http:\S+)\n/.exec(output)?.[1];
      if (found !== undefined) done(found);
    });
    void ended.then((outcome) => {
      fail(new Error(`ended with ${outcome}: ${errors}`));
    });
  });
  return { url, child, ended };
}

/** Ends hubs that a failed test left running. */
export function endBundledHubs(): void {
  for (const child of running) child.kill('SIGKILL');
}
