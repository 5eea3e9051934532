import * as z from 'zod';
import type { Millis } from '../../events/input.ts';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const shape = /^(\d+)(ms|s|m|h|d)$/;

/** Longest duration a definition may name; longer ones are typing mistakes. */
const longest = 30 * units.d;

/** A duration as people write it (`250ms`, `90s`, `10m`, `2h`, `1d`), in milliseconds. */
export const duration = z
  .string()
  .regex(shape, 'a duration is a whole number and a unit: 250ms, 90s, 10m, 2h, 1d')
  .transform((text): Millis => {
    const [, digits = '0', unit = 'ms'] = shape.exec(text) ?? [];
    return Number(digits) * units[unit as keyof typeof units];
  })
  .refine((ms) => ms <= longest, 'at most 30d');

/** The shortest exact spelling, for people: 90000 -> `90s`, 600000 -> `10m`. */
export const spell = (ms: Millis): string => {
  for (const unit of ['d', 'h', 'm', 's'] as const) if (ms >= units[unit] && ms % units[unit] === 0) return `${ms / units[unit]}${unit}`;
  return `${ms}ms`;
};
