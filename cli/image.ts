import { exitCodes, Failure } from './exit.ts';

export interface ImageReference {
  readonly image: string;
  readonly tag?: string;
  readonly digest?: string;
}

/** `host:5000/team/demo:1.5.0`, `host/demo@sha256:...` or both, in parts. The colon before a slash belongs to the port. */
export const imageReference = (text: string): ImageReference => {
  const [, name = '', digest] = /^([^@]+)(?:@([a-z0-9]+:[0-9a-f]{32,}))?$/.exec(text) ?? [];
  const [, image = '', tag] = /^(.+?)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?$/.exec(name) ?? [];
  if (!image.includes('/')) throw new Failure(exitCodes.usage, 'badImage', `${JSON.stringify(text)} is not an image; allowed is host/repository:tag or host/repository@sha256:<digest>`);
  return { image, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
};
