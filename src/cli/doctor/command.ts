import { lazy } from '../../model/lazy';
import type { CommandDeclaration } from '../command';

const work = lazy<typeof import('./run')>(() => require('./run'));
const finding = lazy<typeof import('./finding')>(() => require('./finding'));

export const doctor: CommandDeclaration = {
  name: 'doctor',
  description: 'check what the fleet needs of this workstation, and say what to do',
  examples: ['doctor', 'doctor --fleet rendered/laptops/fleet.json'],
  document: () => finding().doctorReportSchema,
  run: (context) => work().doctor(context),
};
