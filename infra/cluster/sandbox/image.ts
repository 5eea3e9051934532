/** An image reference taken apart. `image` is `host/repository`; `reference` the digest where there is one, else the tag. */
export interface ImageName {
  readonly image: string;
  readonly host: string;
  readonly repository: string;
  readonly reference: string;
}

/** Reads `host/repo:tag`, `host/repo@sha256:...` and both together. A name without tag means `latest`. */
export const parseImage = (name: string): ImageName => {
  const [tagged = '', digest] = name.split('@');
  const colon = tagged.lastIndexOf(':');
  const hasTag = colon > tagged.lastIndexOf('/');
  const image = hasTag ? tagged.slice(0, colon) : tagged;
  const slash = image.indexOf('/');
  return { image, host: slash < 0 ? '' : image.slice(0, slash), repository: image.slice(slash + 1), reference: digest ?? (hasTag ? tagged.slice(colon + 1) : 'latest') };
};
