import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const AGENT = resolve(__dirname, '../../../../assets/haskell/files/build-agent.py');

/** The agent of a build machine, run here with a fast heartbeat. */
export class RunningAgent {
  private readonly ended: Promise<unknown>;

  private constructor(private readonly child: ChildProcess) {
    this.ended = once(child, 'exit');
  }

  static start(hubUrl: string, hostName: string, tunnelPort: number): RunningAgent {
    return new RunningAgent(
      spawn('python3', [AGENT], {
        stdio: 'ignore',
        env: {
          PATH: process.env['PATH'],
          STATE_HUB_URL: hubUrl,
          STATE_HUB_DOMAIN: 'railiance',
          REMOTE_PORT: String(tunnelPort),
          HEARTBEAT_SECONDS: '0.5',
          BUILD_HOST_NAME: hostName,
        },
      }),
    );
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
