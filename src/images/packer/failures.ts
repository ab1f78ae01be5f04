import type { FleetError } from '../../model/errors';
import { type BuildPlace, DISK_FULL, explainBuildFailure, type KnownFailure } from '../build-failures';

/** Of a build with Packer. The first that matches counts. */
const PACKER_FAILURES: readonly KnownFailure[] = [
  DISK_FULL,
  {
    pattern: /checksums did not match|checksum mismatch|Checksums? did not match/i,
    code: 'installer-altered',
    problem: 'what was fetched is not the installer that the image declares',
    remedy: () => "correct the sha256 of the image's iso, or fetch from another address, then deploy again",
  },
  {
    // before what is said of the network: this connection is to the machine itself
    pattern: /connecting to VNC/i,
    code: 'installer-console',
    problem: 'the machine that Packer started had no console yet, or has ended',
    remedy: () =>
      "deploy again; where this workstation is busy, give it longer to start (the image's variables, { boot_wait: '30s' })",
  },
  {
    pattern: /error downloading ISO|Download failed|no such host|bad response code|dial tcp|connection refused/i,
    code: 'installer-unreachable',
    problem: 'the installer could not be fetched',
    remedy: () => "check the network, or give the image's iso addresses that answer, then deploy again",
  },
  {
    pattern: /Could not access KVM|failed to initialize kvm|KVM is not available/i,
    code: 'kvm-unusable',
    problem: 'QEMU cannot use KVM here',
    remedy: () => "set the image's variables to { accelerator: 'tcg' }, then deploy again",
  },
  {
    pattern: /vboxdrv|VERR_VM_DRIVER_NOT|Kernel driver not installed/,
    code: 'virtualbox-driver-missing',
    problem: "VirtualBox's kernel driver is not loaded",
    remedy: () =>
      "load it (modprobe vboxdrv; on Debian and Ubuntu after apt-get install virtualbox-dkms), or set the image's builder to 'qemu'",
  },
  {
    pattern: /Timeout waiting for SSH/i,
    code: 'installation-timeout',
    problem: 'the installed system did not answer in time',
    remedy: () =>
      "give it longer (the image's variables, { ssh_timeout: '120m' }), or watch the installation with { headless: 'false' }",
  },
  {
    pattern: /A "[^"]*" variable was (passed|set)/,
    code: 'packer-variables',
    problem: 'the template has no such variable',
    remedy: () => 'take it out of the variables of the image; the template lists those that there are',
  },
  {
    pattern: /The variable \w+ must be|arg value for \w+ is not compatible|value for var\.\w+ from arguments/,
    code: 'packer-variables',
    problem: 'a variable of the image has a value that the template does not take',
    remedy: () => 'correct the value; the template has the type of each variable, and what it must be',
  },
  {
    pattern:
      /Unset variable|Undefined -var variable|A variable was assigned|Invalid (value|template)|Unsupported attribute|Missing required argument/i,
    code: 'packer-variables',
    problem: 'Packer does not accept the variables of the image',
    remedy: () => 'correct the variables; the template lists those that there are',
  },
  {
    pattern: /is unknown by Packer|Missing plugins|could not (find|query).*plugin/i,
    code: 'packer-plugins',
    problem: 'Packer lacks a plugin that the image is built with',
    remedy: () =>
      'deploy again where PACKER_PLUGIN_PATH is as it was at "packer init", or run packer init in the directory of the image',
  },
];

/** Of `packer init`, which speaks to the plugins' release server and to no other. The first that matches counts. */
const PLUGIN_FAILURES: readonly KnownFailure[] = [
  DISK_FULL,
  {
    pattern: /Unsupported Packer Core version/,
    code: 'packer-too-old',
    problem: 'this Packer is too old for its plugins',
    remedy: () => "install Packer 1.10 or newer, or Debian's 1.6.6, which has its builders inside",
  },
  {
    pattern: /checksums? (did not|does not|don't|do not) match|checksum mismatch|did not match.*checksum/i,
    code: 'packer-plugin-altered',
    problem: 'a plugin does not have the checksum of its release',
    remedy: () => 'see what stands between this machine and the release server, then deploy again',
  },
  {
    pattern:
      /no such host|dial tcp|connection refused|connection reset|i\/o timeout|deadline exceeded|network is unreachable|TLS handshake|x509:|proxyconnect|http call failed|rate limit|\b(403|407|429|50\d)\b|unexpected EOF/i,
    code: 'packer-plugins-unreachable',
    problem: 'the plugins of Packer could not be fetched',
    remedy: () =>
      'check the network and its proxy, or fetch the plugin elsewhere and run packer plugins install --path FILE github.com/hashicorp/NAME, then deploy again',
  },
  {
    pattern: /no (matching|release) version found|could not install any compatible version/i,
    code: 'packer-plugins',
    problem: 'there is no release of a plugin in the version that the image names',
    remedy: () => "correct the version in the image's plugins, then deploy again",
  },
  {
    pattern: /(?:)/,
    code: 'packer-plugins',
    problem: 'a plugin of Packer could not be installed',
    remedy: () => 'correct what the output names, or run packer init in the directory of the image, then deploy again',
  },
];

/** Turns the failure of Packer into an error that says what to do. A FleetError stays as it is. */
export function explainPackerFailure(cause: unknown, place: Omit<BuildPlace, 'stage'>): FleetError {
  return explainBuildFailure(cause, { ...place, stage: place.workDirectory }, PACKER_FAILURES);
}

/** Turns the failure of `packer init` into an error that says what to do. A FleetError stays as it is. */
export function explainPluginFailure(cause: unknown, place: Omit<BuildPlace, 'stage'>): FleetError {
  return explainBuildFailure(cause, { ...place, stage: place.workDirectory }, PLUGIN_FAILURES);
}
