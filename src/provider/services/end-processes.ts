import { signalProcess, waitForEnd, type ProcessIdentity } from '../../process/process-identity';

/** Ends processes with SIGTERM, those that stay after five seconds with SIGKILL, and waits until they are gone. */
export async function endProcesses(processes: readonly ProcessIdentity[]): Promise<void> {
  for (const process of processes) signalProcess(process, 'SIGTERM');
  await Promise.all(
    processes.map(async (process) => {
      if (await waitForEnd(process, 5000)) return;
      signalProcess(process, 'SIGKILL');
      await waitForEnd(process, 5000);
    }),
  );
}
