export { tick } from '../infra/worker/wake.ts';
