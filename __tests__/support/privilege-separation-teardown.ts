export { removePrivilegeSeparationDirectory as default } from './privilege-separation';
