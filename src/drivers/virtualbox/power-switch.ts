import { setTimeout as pause } from 'node:timers/promises';
import { FleetError } from '../../model/errors';
import { controlArguments, showArguments } from './arguments';
import { type VBoxManage, VBoxManageError } from './client';
import type { Machine } from './inventory';
import { parseMachineReadable } from './output';
import { isBusy, powerOf } from './power';

/** Milliseconds that VirtualBox has for a step of its own: to cut the power, to finish a change of state. */
const STEP_TIMEOUT = 60_000;

const INTERVAL = 500;

/** Brings machines to rest, and waits until they are. */
export class PowerSwitch {
  constructor(private readonly client: VBoxManage) {}

  /** Switches a machine off: asks the guest, and cuts the power when the grace is over. Nothing if it is off. */
  async end(machine: Machine, graceSeconds: number, signal: AbortSignal): Promise<void> {
    const state = await this.settledState(machine, signal);
    const power = powerOf(state);
    if (power === 'stopped') return;
    if (graceSeconds > 0 && power !== 'crashed') {
      if (power === 'paused') await this.control(machine, 'resume', signal);
      await this.control(machine, 'acpipowerbutton', signal);
      if (await this.isOffWithin(machine, graceSeconds * 1000, signal)) return;
    }
    await this.cutPower(machine, signal);
  }

  /** @throws FleetError when the machine stays on */
  async cutPower(machine: Machine, signal: AbortSignal): Promise<void> {
    await this.control(machine, 'poweroff', signal);
    if (await this.isOffWithin(machine, STEP_TIMEOUT, signal)) return;
    throw new FleetError({
      code: 'virtualbox-does-not-end',
      problem: `the VM ${machine.uuid} stays ${await this.state(machine, signal)} although its power was cut`,
      remedy: 'end its VBoxHeadless process, then deploy again',
    });
  }

  /** VirtualBox's error for a VM that went off meanwhile has no code. */
  private async control(
    machine: Machine,
    command: Parameters<typeof controlArguments>[1],
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.client.change(controlArguments(machine.uuid, command), signal);
    } catch (error) {
      if (!(error instanceof VBoxManageError) || powerOf(await this.state(machine, signal)) !== 'stopped') throw error;
    }
  }

  private async isOffWithin(machine: Machine, milliseconds: number, signal: AbortSignal): Promise<boolean> {
    const deadline = Date.now() + milliseconds;
    for (;;) {
      if (powerOf(await this.state(machine, signal)) === 'stopped') return true;
      if (Date.now() >= deadline) return false;
      await pause(INTERVAL, undefined, { signal });
    }
  }

  /** The state after a change that is under way; the present one when that does not end in time. */
  async settledState(machine: Machine, signal: AbortSignal): Promise<string> {
    const deadline = Date.now() + STEP_TIMEOUT;
    let { state } = machine;
    while (isBusy(state) && Date.now() < deadline) {
      await pause(INTERVAL, undefined, { signal });
      state = await this.state(machine, signal);
    }
    return state;
  }

  private async state({ uuid }: Machine, signal: AbortSignal): Promise<string> {
    const shown = parseMachineReadable(await this.client.run(showArguments(uuid), signal));
    return shown.get('VMState') ?? 'unknown';
  }
}
