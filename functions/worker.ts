export { pump as work } from '../infra/worker/pump.ts';
