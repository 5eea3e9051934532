import { splitRouter } from '../split/split-router.ts';
import { ruleLayout } from './rule-layout.ts';

/** Splits calls by the weights of `spec.rules[].backendRefs`. A stream that is open stays where it was opened until it or the pod ends. */
export const grpcRoute = splitRouter(ruleLayout('GRPCRoute'));
