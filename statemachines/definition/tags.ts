import picomatch from 'picomatch';
import { RE2JS } from 're2js';
import semver from 'semver';
import type { TagFilter } from './rollout.ts';

/** Why a filter cannot be used, or undefined when it can. */
export const tagFilterProblem = (filter: TagFilter): string | undefined => {
  if ('semver' in filter) return semver.validRange(filter.semver) === null ? `${JSON.stringify(filter.semver)} is not a semver range` : undefined;
  if ('regex' in filter) {
    try {
      RE2JS.compile(filter.regex);
    } catch (error) {
      return `${JSON.stringify(filter.regex)} is not an RE2 regular expression: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  return undefined;
};

/**
 * Does the tag pass the filter? A semver filter takes `1.2.3` and `v1.2.3`; pre-releases only where the range names one, as npm does.
 * Regular expressions are RE2 (linear time) and must match the whole tag.
 */
export const tagMatches = (filter: TagFilter | undefined, tag: string): boolean => {
  if (filter === undefined) return true;
  if ('semver' in filter) return semver.valid(tag) !== null && semver.satisfies(tag, filter.semver);
  if ('glob' in filter) return picomatch.isMatch(tag, filter.glob, { nonegate: true, noextglob: true });
  return RE2JS.compile(filter.regex).matches(tag);
};

/** How a filter reads in a sentence. */
export const spellTags = (filter: TagFilter | undefined): string =>
  filter === undefined ? 'any tag' : 'semver' in filter ? `semver ${filter.semver}` : 'glob' in filter ? `glob ${filter.glob}` : `regex ${filter.regex}`;
