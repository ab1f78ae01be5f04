import { z } from 'zod';
import { RecordFile, valueOrRefusal } from '../files/record';
import { FleetError } from '../model/errors';
import type { Hypervisor } from '../model/hypervisor';
import type { VmSpec } from './driver';

/** Members of every driver's record of a VM. Records without `hypervisor` are QEMU's, from when it was the only one. */
const ownerSchema = z.object({
  hypervisor: z.string().default('qemu'),
  name: z.string(),
  uuid: z.string(),
  fleet: z.string(),
});

type VmOwner = z.infer<typeof ownerSchema>;

/**
 * `vm.json`: the VM that a directory is for, written before anything else in it. An unreadable one may stand for a VM of
 * any fleet, so every method of a driver refuses: nothing in the directory is changed, and the VM does not count as
 * absent.
 */
export class VmRecordFile<T extends VmOwner> {
  private readonly file: RecordFile<T | VmOwner>;

  /** @param members everything in the records of this hypervisor */
  constructor(
    private readonly hypervisor: T['hypervisor'] & Hypervisor,
    members: z.ZodType<T>,
  ) {
    const parse = (value: unknown): T | VmOwner => {
      const owner = ownerSchema.parse(value);
      return owner.hypervisor === hypervisor ? members.parse({ ...Object(value), hypervisor }) : owner;
    };
    const repair = "restore it from a backup, or remove the VM's directory if neither VM nor disk are needed any more";
    this.file = new RecordFile({ file: 'vm.json', shape: { parse }, repair });
  }

  /**
   * The record of a VM of this hypervisor, undefined when the directory has none.
   *
   * @throws FleetError `record-unreadable`
   */
  read(directory: string): T | undefined {
    const found = valueOrRefusal(this.file.read(directory));
    return found?.hypervisor === this.hypervisor ? (found as T) : undefined;
  }

  /**
   * As {@link read}, for a caller that is about to change the VM.
   *
   * @param spec the VM's wanted owner; without `uuid` it may be any VM of the fleet
   * @throws FleetError `vm-not-ours` when the directory is another VM's, `record-unreadable`
   */
  readOwn(directory: string, spec: Pick<VmSpec, 'fleet'> & Partial<Pick<VmSpec, 'uuid'>>): T | undefined {
    const found = valueOrRefusal(this.file.read(directory));
    if (found === undefined) return undefined;
    const { hypervisor, fleet, uuid } = found;
    const isOwn = fleet === spec.fleet && (spec.uuid === undefined || uuid === spec.uuid);
    if (isOwn && hypervisor === this.hypervisor) return found as T;
    const whose = `belongs to fleet ${fleet} (uuid ${uuid}${hypervisor === this.hypervisor ? '' : `, on ${hypervisor}`})`;
    throw new FleetError({
      code: 'vm-not-ours',
      problem: `a VM of this name exists and ${whose}`,
      place: directory,
      value: { fleet: spec.fleet, uuid: spec.uuid },
      remedy: 'give this VM or its fleet another name or state directory, or destroy the other VM where it belongs',
      attribute: 'name',
    });
  }

  write(directory: string, record: T): void {
    this.file.write(directory, record);
  }
}
