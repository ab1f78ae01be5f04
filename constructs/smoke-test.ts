import { Construct, type IConstruct } from 'constructs';
import { type ITerraformDependable, NullResource } from './private/cdktf';

/** A VM that can be proved. */
export interface ITestedVm extends IConstruct {
  readonly vmName: string;
  /** References to what the test depends on; a change of any makes it run again. */
  readonly testTriggers: Record<string, string>;
  /** Resources, besides the VM, that the test needs to reach it. */
  readonly workstation: { readonly clientFiles: { readonly sshConfig: ITerraformDependable } };
}

export interface SmokeTestProps {
  /** The VM to prove. */
  readonly vm: ITestedVm;
}

/**
 * Proves the whole chain of one VM (tunnel, compiler, hub entry, a build) whenever the VM has been made or changed. Its
 * output streams to the operator; a failure fails the deploy, and the next one tries again.
 */
export class SmokeTest extends Construct {
  constructor(scope: Construct, id: string, { vm }: SmokeTestProps) {
    super(scope, id);
    new NullResource(this, 'Resource', {
      triggers: vm.testTriggers,
      dependsOn: [vm.workstation.clientFiles.sshConfig],
      provisioners: [
        {
          type: 'local-exec',
          // Terraform runs it in the stack's directory; the name is an argument, not part of a shell command
          interpreter: ['bash', './smoke-test.sh'],
          command: vm.vmName,
        },
      ],
    });
  }
}
