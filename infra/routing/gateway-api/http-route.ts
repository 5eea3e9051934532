import { splitRouter } from '../split/split-router.ts';
import { ruleLayout } from './rule-layout.ts';

/** Splits by the weights of `spec.rules[].backendRefs`. */
export const httpRoute = splitRouter(ruleLayout('HTTPRoute'));
