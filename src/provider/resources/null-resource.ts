import { randomInt } from 'node:crypto';
import { nullResourceShape } from '../../model/resources/null-resource';
import type { Resource } from '../plugin/resource';

/** The handler of `null_resource`: nothing outside the Terraform state exists. */
export function nullResource(): Resource<typeof nullResourceShape> {
  return {
    shape: nullResourceShape,
    create: (planned) => Promise.resolve({ ...planned, id: String(randomInt(2 ** 48 - 1)) }),
    read: (state) => Promise.resolve(state),
    delete: () => Promise.resolve(),
    import: (id) => Promise.resolve({ triggers: null, id }),
  };
}
