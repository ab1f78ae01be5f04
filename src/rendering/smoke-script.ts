import { readAsset } from './assets';

/** The script that a smoke test's provisioner runs, with the VM's name as its argument. */
export function renderSmokeScript(): string {
  return readAsset('fleet', 'smoke-test.sh');
}
