import type { Json } from '../../../events/input.ts';
import { ClusterError } from '../port.ts';
import { fieldsAt, listAt, textAt, textsAt } from './fields.ts';

type Labels = Readonly<Record<string, string>>;
type Requirement = (labels: Labels) => boolean;

/** Splits at commas that are not inside parentheses. */
const parts = (selector: string): string[] => selector.split(/,(?![^(]*\))/).map((part) => part.trim());

const requirement = (part: string): Requirement => {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(part);
  if (set) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    const within: Requirement = (labels) => Object.hasOwn(labels, key) && values.includes(labels[key] ?? '');
    return operator === 'in' ? within : (labels) => !within(labels);
  }
  const equality = /^([^\s!=]+)\s*(==|=|!=)\s*([^\s!=]*)$/.exec(part);
  if (equality) {
    const [, key = '', operator, value = ''] = equality;
    return operator === '!=' ? (labels) => labels[key] !== value : (labels) => Object.hasOwn(labels, key) && labels[key] === value;
  }
  const existence = /^(!?)([^\s!=()]+)$/.exec(part);
  if (existence) {
    const [, not, key = ''] = existence;
    return (labels) => Object.hasOwn(labels, key) === (not === '');
  }
  throw new ClusterError('invalid', `unable to parse label selector: "${part}"; allowed are a=b, a!=b, a in (b,c), a notin (b,c), a, !a`, { status: 400 });
};

/** Compiles the selector of a list or watch. Throws `invalid` (400) where it cannot be read. */
export const labelSelector = (selector: string | undefined): Requirement => {
  if (selector === undefined || selector.trim() === '') return () => true;
  const requirements = parts(selector).map(requirement);
  return (labels) => requirements.every((holds) => holds(labels));
};

/** Whether every label wanted is there. An empty selector selects nothing, as for a Service. */
export const selects = (wanted: Labels, labels: Labels): boolean => {
  const entries = Object.entries(wanted);
  return entries.length > 0 && entries.every(([key, value]) => labels[key] === value);
};

const expression = (rule: Json, labels: Labels): boolean => {
  const key = textAt(rule, 'key') ?? '';
  const values = listAt(rule, 'values');
  const present = Object.hasOwn(labels, key);
  switch (textAt(rule, 'operator')) {
    case 'In': return present && values.includes(labels[key] ?? '');
    case 'NotIn': return !present || !values.includes(labels[key] ?? '');
    case 'Exists': return present;
    case 'DoesNotExist': return !present;
    default: return false;
  }
};

/** Matches the selector of a workload: `{matchLabels, matchExpressions}`. An empty one matches nothing here. */
export const selectorMatches = (selector: Json | undefined, labels: Labels): boolean => {
  const wanted = textsAt(selector, 'matchLabels');
  const rules = listAt(selector, 'matchExpressions');
  if (Object.keys(fieldsAt(selector)).length === 0) return false;
  return Object.entries(wanted).every(([key, value]) => labels[key] === value) && rules.every((rule) => expression(rule, labels));
};
